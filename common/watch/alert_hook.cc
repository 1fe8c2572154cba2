#include "common/watch/alert_hook.h"

#include <poll.h>
#include <spawn.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"

namespace forebay {
namespace {

/// A descriptor that reads `text`; a program may leave it unread.
int reading(const std::string& text) {
  const int file = ::memfd_create("alert", MFD_CLOEXEC);
  if (file < 0) return -1;
  if (::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::lseek(file, 0, SEEK_SET) == 0)
    return file;
  ::close(file);
  return -1;
}

/// With nothing of ours but stdout and stderr: no signal blocked or ignored, a group of its own.
int start(const std::string& program, const Alert& alert, int in, pid_t& child) {
  std::array<std::string, 4> words{program, alert.cleared ? "cleared" : "raised",
                                   alert.condition.alert, alert.condition.subject};
  std::array<char*, 5> arguments{};
  for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  const int code =
      ::posix_spawn(&child, program.c_str(), &actions, &attributes, arguments.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  return code;
}

}  // namespace

AlertHook::AlertHook(std::string program, std::string daemon)
    : program_(std::move(program)), daemon_(std::move(daemon)), thread_([this] { run(); }) {}

AlertHook::~AlertHook() {
  stop_.post({});
  {
    const std::lock_guard hold(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  if (!waiting_.empty())
    spdlog::warn("alerts: {} was not told of the last {}", program_, waiting_.size());
}

void AlertHook::hand_over(const std::vector<Alert>& alerts) {
  if (alerts.empty()) return;
  const std::lock_guard hold(mutex_);
  for (const Alert& alert : alerts) {
    if (waiting_.size() < limits::kAlertHookQueueMax) {
      waiting_.push_back(alert);
    } else {
      spdlog::error("alerts: {} takes them too slowly, and is not told of {} {}", program_,
                    alert.condition.alert, alert.condition.subject);
    }
  }
  changed_.notify_all();
}

void AlertHook::run() {
  std::unique_lock hold(mutex_);
  while (true) {
    changed_.wait(hold, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    const Alert alert = std::move(waiting_.front());
    waiting_.pop_front();
    hold.unlock();
    call(alert);
    hold.lock();
  }
}

void AlertHook::call(const Alert& alert) const {
  Json json = to_json(alert);
  json["daemon"] = daemon_;
  const int in = reading(print_json(json) + "\n");
  pid_t child = 0;
  const int code = in < 0 ? errno : start(program_, alert, in, child);
  if (in >= 0) ::close(in);
  if (code != 0) {
    return spdlog::error("alerts: cannot run {}: {}: the `exec` of [alerts] names it", program_,
                         std::strerror(code));
  }
  // glibc 2.36 has it, with a header that C++ does not link.
  const auto ended = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  if (ended < 0) spdlog::error("alerts: cannot wait for {}: {}", program_, std::strerror(errno));
  std::array<pollfd, 2> either{{{ended, POLLIN, 0}, {stop_.descriptor(), POLLIN, 0}}};
  const auto patience = std::chrono::milliseconds(limits::kAlertHookTimeout);
  const bool waits = ended >= 0;
  int ready = -1;
  // Signals are blocked here, but for those that a debugger, or a stop, makes.
  while (waits &&
         (ready = ::poll(either.data(), either.size(), static_cast<int>(patience.count()))) < 0 &&
         errno == EINTR) {
  }
  if (ready == 0)
    spdlog::error("alerts: {} took longer than {} s and is ended", program_,
                  limits::kAlertHookTimeout.count());
  if ((static_cast<unsigned>(either[0].revents) & POLLIN) == 0) ::kill(-child, SIGKILL);
  if (waits) ::close(ended);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
    spdlog::error("alerts: {} ended with {}", program_, WEXITSTATUS(status));
}

}  // namespace forebay
