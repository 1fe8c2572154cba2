// Hands alerts to a program of the operator's: `exec` of the topology's alerts.
//
//   PROGRAM raised|cleared ALERT SUBJECT        the alert as one JSON object on its stdin
//
// One at a time, in order; one that runs for longer than limits::kAlertHookTimeout is killed. What it
// prints goes where the daemon's own log goes.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mailbox.h"
#include "common/watch/alerts.h"

namespace forebay {

class AlertHook {
 public:
  /// `daemon`: whose alerts they are, as its JSON says.
  AlertHook(std::string program, std::string daemon);
  /// What still waits is not run.
  ~AlertHook();
  AlertHook(const AlertHook&) = delete;
  AlertHook& operator=(const AlertHook&) = delete;

  /// Returns at once. Of more than limits::kAlertHookQueueMax that wait the newest are left out, and
  /// the log says so.
  void hand_over(const std::vector<Alert>& alerts);
  [[nodiscard]] const std::string& program() const { return program_; }
  /// How many have not been begun with.
  [[nodiscard]] std::size_t waiting() const {
    const std::lock_guard hold(mutex_);
    return waiting_.size();
  }

 private:
  void run();
  void call(const Alert& alert) const;

  std::string program_, daemon_;
  Mailbox<char> stop_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Alert> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace forebay
