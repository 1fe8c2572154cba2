#include "cli/supervisor.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/verb.h"
#include "common/base/limits.h"

namespace forebay {
namespace {

constexpr int kExitNotExecuted = 127;

/// The child's side of fork: only async-signal-safe calls.
[[noreturn]] void become(char* const* arguments, pid_t parent, int stdin_descriptor) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(kExitNotExecuted);  // it died before the line above
  ::setpgid(0, 0);  // Ctrl-C at the terminal is the supervisor's to pass on, in its order
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGPIPE}) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (stdin_descriptor >= 0) ::dup2(stdin_descriptor, STDIN_FILENO);
  ::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
  ::execv(arguments[0], arguments);
  ::_exit(kExitNotExecuted);
}

std::string seconds_text(Nanoseconds duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(duration.count()) / 1e9);
  return text;
}

std::string end_text(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return "was ended by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
  }
  const int code = WEXITSTATUS(status);
  return "exited with code " + std::to_string(code) +
         (code == kExitNotExecuted ? " (its program could not be run)" : "");
}

}  // namespace

std::chrono::milliseconds restart_delay(std::chrono::milliseconds previous, Nanoseconds life) {
  if (previous.count() == 0 || life >= limits::kRestartDelayForgottenAfter) {
    return limits::kRestartDelayMin;
  }
  return std::min(2 * previous, limits::kRestartDelayMax);
}

Supervisor::Supervisor(std::vector<ChildSpec> children, const Clock& clock, Notice notice)
    : clock_(clock), notice_(std::move(notice)) {
  for (ChildSpec& spec : children) children_.push_back(Child{.spec = std::move(spec)});
  std::stable_sort(children_.begin(), children_.end(),
                   [](const Child& a, const Child& b) { return a.spec.stage < b.spec.stage; });
  ::sigemptyset(&taken_);
  for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&taken_, signal);
  ::sigprocmask(SIG_BLOCK, &taken_, &mask_before_);
  // An ignored SIGCHLD, which a parent may have left us, would have the kernel reap the children
  // itself.
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &usual, &child_action_before_);
}

Supervisor::~Supervisor() {
  for (Child& child : children_) {
    if (child.state != State::kRunning) continue;
    ::kill(child.pid, SIGKILL);
    while (::waitpid(child.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  ::sigaction(SIGCHLD, &child_action_before_, nullptr);
  ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
}

bool Supervisor::step(std::chrono::milliseconds wait) {
  for (Child& child : children_) {
    if (child.state == State::kWaiting && child.start_at <= clock_.mono()) start(child);
  }
  advance_stop();
  if (over()) return false;
  const auto timeout = until_due(wait);
  const timespec limit{static_cast<time_t>(timeout.count() / 1'000'000'000),
                       static_cast<long>(timeout.count() % 1'000'000'000)};
  const int signal = ::sigtimedwait(&taken_, nullptr, &limit);
  if (signal > 0) take(signal);
  reap();
  advance_stop();
  return !over();
}

void Supervisor::start(Child& child) {
  std::vector<char*> arguments;
  for (std::string& argument : child.spec.command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  const int nothing = child.spec.reads_stdin ? -1 : ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(arguments.data(), parent, nothing);
  const int fork_error = errno;
  if (nothing >= 0) ::close(nothing);
  child.started = clock_.mono();
  if (pid < 0) {
    start_later(child, std::string("could not be started: ") + std::strerror(fork_error));
    return;
  }
  child.pid = pid;
  child.state = State::kRunning;
  notice_(child.spec.name + " started, pid " + std::to_string(pid));
}

void Supervisor::start_later(Child& child, const std::string& why) {
  child.delay = restart_delay(child.delay, clock_.mono() - child.started);
  child.start_at = clock_.mono() + child.delay;
  child.state = State::kWaiting;
  notice_(child.spec.name + " " + why + "; starting it again in " +
          std::to_string(child.delay.count()) + " ms");
}

void Supervisor::reap() {
  for (Child& child : children_) {
    int status = 0;
    if (child.state == State::kRunning && ::waitpid(child.pid, &status, WNOHANG) == child.pid) {
      ended(child, status);
    }
  }
}

void Supervisor::ended(Child& child, int status) {
  child.pid = 0;
  const bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  const bool bad_input = WIFEXITED(status) && WEXITSTATUS(status) == kExitBadInput;
  const std::string end =
      end_text(status) + " after " + seconds_text(clock_.mono() - child.started);
  if (!stopping_ && !done && !bad_input) {
    start_later(child, end);
    return;
  }
  child.state = State::kDone;
  if (stopping_) {
    // One that was told to stop before it could listen dies of the signal, which is as good.
    if (done || killed_ || (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM)) return;
    failed_ = true;
    notice_(child.spec.name + " " + end + " while stopping");
  } else if (done) {
    notice_(child.spec.name + " is done after " + seconds_text(clock_.mono() - child.started));
  } else {
    failed_ = true;
    notice_(child.spec.name + " " + end + ": bad input; mend it and start again, it is given up");
  }
}

void Supervisor::take(int signal) {
  if (signal == SIGCHLD) return;
  if (signal == SIGINT && stopping_) {
    kill();
  } else {
    stop();
  }
}

void Supervisor::stop() {
  if (stopping_) return;
  stopping_ = true;
  stopping_stage_ = children_.empty() ? 0 : children_.back().spec.stage + 1;
  for (Child& child : children_) {
    if (child.state == State::kWaiting) child.state = State::kDone;
  }
  notice_("stopping");
}

void Supervisor::kill() {
  stop();
  if (killed_) return;
  killed_ = true;
  kill_running("is killed");
}

void Supervisor::kill_running(const std::string& why) {
  for (const Child& child : children_) {
    if (child.state != State::kRunning || (!killed_ && child.spec.stage < stopping_stage_))
      continue;
    ::kill(child.pid, SIGKILL);
    failed_ = true;
    notice_(child.spec.name + " " + why);
  }
}

void Supervisor::advance_stop() {
  if (!stopping_ || over()) return;
  int highest = children_.front().spec.stage;
  for (const Child& child : children_) {
    if (child.state == State::kRunning) highest = std::max(highest, child.spec.stage);
  }
  if (highest < stopping_stage_) {
    stopping_stage_ = highest;
    kill_at_ = clock_.mono() + limits::kStopTimeout;
    for (const Child& child : children_) {
      if (child.state == State::kRunning && child.spec.stage == highest) {
        ::kill(child.pid, SIGTERM);
      }
    }
  } else if (clock_.mono() >= kill_at_) {
    kill_running("did not stop in time and is killed");
    kill_at_ = MonoTime::max();
  }
}

bool Supervisor::over() const {
  return std::all_of(children_.begin(), children_.end(),
                     [](const Child& child) { return child.state == State::kDone; });
}

std::chrono::nanoseconds Supervisor::until_due(std::chrono::milliseconds wait) const {
  std::chrono::nanoseconds until = wait;
  const MonoTime now = clock_.mono();
  for (const Child& child : children_) {
    if (child.state == State::kWaiting) until = std::min(until, child.start_at - now);
  }
  if (stopping_ && kill_at_ != MonoTime::max()) until = std::min(until, kill_at_ - now);
  return std::max(until, std::chrono::nanoseconds{0});
}

pid_t Supervisor::pid_of(std::string_view name) const {
  for (const Child& child : children_) {
    if (child.spec.name == name) return child.pid;
  }
  return 0;
}

}  // namespace forebay
