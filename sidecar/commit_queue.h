// Between the ingest thread, which alone pushes, and whoever commits. Bounded by its user: ingest stops
// reading while it takes no more. When the log is full it is closed until ingest has gone back to what
// is committed, so that nothing gets in that follows on something discarded.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "common/base/clock.h"
#include "sidecar/work.h"

namespace forebay {

class CommitQueue {
 public:
  /// Queues in order, waking nobody; of a consumer's reports only the last. Returns false, taking
  /// nothing, while the queue is closed.
  [[nodiscard]] bool push(std::vector<Work>& work);
  /// Wakes who waits, if there is work worth a commit.
  void wake();
  /// Bytes of batches that wait.
  [[nodiscard]] std::uint64_t bytes() const;
  /// Whether more batches should come, as many as wait. What is pushed all the same is taken.
  [[nodiscard]] bool takes_batches() const;
  /// The same for what else waits, reports aside.
  [[nodiscard]] bool takes_requests() const;

  /// Waits until there is work worth a commit, `timeout` passed or stop was called. Cursor reports
  /// alone are worth none, until `with_reports`.
  void wait(std::chrono::milliseconds timeout, bool with_reports);
  /// Takes what waits, if it is worth a commit: up to `bytes_max` of batches (at least one item).
  [[nodiscard]] std::vector<Work> take(std::uint64_t bytes_max, bool with_reports);
  /// Closes the queue and takes everything.
  [[nodiscard]] std::vector<Work> close();
  void reopen();
  /// Wakes the taker for good; what waits can still be taken.
  void stop();
  /// Stopped, and nothing is left to take.
  [[nodiscard]] bool finished() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> work_;
  std::map<ConsumerKey, CursorWork> reports_;  // the last of each consumer, after what is in work_
  std::uint64_t bytes_ = 0;
  std::size_t urgent_ = 0;    // items that are worth a commit…
  std::size_t requests_ = 0;  // …and are no batches
  bool closed_ = false;
  bool stopped_ = false;
};

}  // namespace forebay
