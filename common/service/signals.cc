#include "common/service/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "common/base/result.h"

namespace forebay {

StopSignals::StopSignals() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  FOREBAY_INVARIANT(pthread_sigmask(SIG_BLOCK, &stop, nullptr) == 0);
  std::signal(SIGPIPE, SIG_IGN);
  descriptor_ = ::signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
  FOREBAY_INVARIANT(descriptor_ >= 0);
}

StopSignals::~StopSignals() { ::close(descriptor_); }

bool StopSignals::arrived() {
  signalfd_siginfo info{};
  return ::read(descriptor_, &info, sizeof info) == sizeof info;
}

}  // namespace forebay
