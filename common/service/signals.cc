#include "common/service/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "common/base/result.h"
#include "common/service/notify.h"

namespace forebay {

StopSignals::StopSignals(Reload reload) : reload_(std::move(reload)) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  if (reload_) sigaddset(&stop, SIGHUP);
  FOREBAY_INVARIANT(pthread_sigmask(SIG_BLOCK, &stop, nullptr) == 0);
  std::signal(SIGPIPE, SIG_IGN);
  descriptor_ = ::signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
  FOREBAY_INVARIANT(descriptor_ >= 0);
}

StopSignals::~StopSignals() { ::close(descriptor_); }

void StopSignals::set_ready(const std::string& status) {
  ready_ = true;
  notify_ready(status);
}

bool StopSignals::arrived() {
  signalfd_siginfo info{};
  while (::read(descriptor_, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo != SIGHUP) {
      stopped_ = true;
      notify_stopping();
      return true;
    }
    if (stopped_ || !reload_()) continue;
    notify_reloading();
    return true;
  }
  return false;
}

}  // namespace forebay
