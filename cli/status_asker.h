// Asks for what `forebay status` shows: every sidecar of the topology, and the nodes of this host
// that have a control socket. The text is status_report.h's.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "cli/status_report.h"
#include "cli/verb.h"
#include "common/base/mailbox.h"
#include "topology/topology.h"

namespace forebay {

struct StatusAnswers {
  std::vector<SidecarAnswer> sidecars;
  std::vector<NodeAnswer> nodes;  // without those that never ran here
};

/// All at once, so that those which are down cost one timeout together.
[[nodiscard]] StatusAnswers ask_all(const Globals& globals, const Topology& topology);
void add_all_rates(StatusAnswers& now, const StatusAnswers& before);

/// Asks again and again, each from a thread of its own, so that one that does not answer keeps
/// nobody from being seen as it is.
class StatusPoll {
 public:
  /// `pause`: between an answer and the next question. `globals` and `topology` outlive it.
  StatusPoll(const Globals& globals, const Topology& topology, std::chrono::milliseconds pause);
  /// Waits for the answers that are due, or their timeouts.
  ~StatusPoll();
  StatusPoll(const StatusPoll&) = delete;
  StatusPoll& operator=(const StatusPoll&) = delete;

  /// Readable when somebody has answered.
  [[nodiscard]] int news() const { return news_.descriptor(); }
  void take_news() { static_cast<void>(news_.take()); }

  /// The last answers of those that have answered, or not in time, at least once; with rates.
  [[nodiscard]] StatusAnswers latest() const;
  /// Whether that is all of them.
  [[nodiscard]] bool complete() const;

 private:
  [[nodiscard]] bool wait();  // false: it ends

  std::chrono::milliseconds pause_;
  Mailbox<char> news_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool stopping_ = false;
  std::vector<std::optional<SidecarAnswer>> sidecars_;
  std::vector<std::optional<NodeAnswer>> nodes_;
  std::vector<std::thread> threads_;
};

}  // namespace forebay
