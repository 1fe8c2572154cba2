// Keeps a set of child processes running until told to stop: `forebay up`. For development; systemd
// does it in production.
//
// A child that dies is started again after a delay; one that exits 0 is done, one that exits 2 was
// given bad input, and neither is started again. Children get SIGTERM when this process dies,
// however it dies. They are started by stage, the lowest first, and stopped in reverse, each stage
// when the one above it has gone.
//
//   state of a child   leaves it
//   waiting            its time has come → running; stop → done
//   running            exit 0 or 2, or any end while stopping → done; any other end → waiting
//   done
//
// Single-threaded: construct, step and destroy in the main thread of a process that has no other
// (children's death signal is tied to the thread that started them). While it lives, SIGCHLD,
// SIGINT, SIGTERM and SIGHUP are blocked and taken by step().
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"

namespace forebay {

struct ChildSpec {
  std::string name;
  std::vector<std::string> command;  // the program's path and its arguments
  int stage = 0;
  bool reads_stdin = false;  // it gets ours; otherwise /dev/null
};

/// The delay before starting a child again that lived for `life`, when the delay before was
/// `previous` (0: none): doubling from limits::kRestartDelayMin to kRestartDelayMax, from the start
/// again after a long enough life.
[[nodiscard]] std::chrono::milliseconds restart_delay(std::chrono::milliseconds previous,
                                                      Nanoseconds life);

class Supervisor {
 public:
  using Notice = std::function<void(const std::string&)>;

  /// Starts nothing yet. `clock` outlives it.
  Supervisor(std::vector<ChildSpec> children, const Clock& clock, Notice notice);
  /// Kills what still runs.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Starts what is due, then waits up to `wait` for something to happen and handles it. False when
  /// it is over: every child is done. SIGINT, SIGTERM and SIGHUP stop; another SIGINT kills.
  [[nodiscard]] bool step(std::chrono::milliseconds wait);
  /// Begins to stop: SIGTERM, and SIGKILL after limits::kStopTimeout. Again: no change.
  void stop();
  /// Stops at once: SIGKILL to every child.
  void kill();

  /// Whether it was told to, by a signal or by stop().
  [[nodiscard]] bool stopping() const { return stopping_; }
  /// Whether a child was given up, had to be killed, or failed while stopping.
  [[nodiscard]] bool failed() const { return failed_; }
  /// 0 if it does not run.
  [[nodiscard]] pid_t pid_of(std::string_view name) const;

 private:
  enum class State : std::uint8_t { kWaiting, kRunning, kDone };
  struct Child {
    ChildSpec spec;
    State state = State::kWaiting;
    pid_t pid = 0;
    MonoTime started{};
    MonoTime start_at{};
    std::chrono::milliseconds delay{0};
  };

  void start(Child& child);
  void start_later(Child& child, const std::string& why);
  void reap();
  void ended(Child& child, int status);
  void take(int signal);
  void advance_stop();
  void kill_running(const std::string& why);
  [[nodiscard]] bool over() const;
  [[nodiscard]] std::chrono::nanoseconds until_due(std::chrono::milliseconds wait) const;

  std::vector<Child> children_;  // by stage
  const Clock& clock_;
  Notice notice_;
  sigset_t taken_;
  sigset_t mask_before_;
  struct sigaction child_action_before_;
  bool stopping_ = false;
  bool killed_ = false;
  bool failed_ = false;
  int stopping_stage_ = 0;
  MonoTime kill_at_{};
};

}  // namespace forebay
