// Commits, on a thread of its own; and on the ingest thread, where that is quicker. Whoever has the
// turn takes what is queued, commits it, has it broadcast, and posts what came of it.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

#include "common/base/clock.h"
#include "common/base/histogram.h"
#include "common/base/mailbox.h"
#include "sidecar/broadcast_thread.h"
#include "sidecar/commit.h"
#include "sidecar/commit_queue.h"
#include "sidecar/failure.h"
#include "sidecar/holds.h"
#include "sidecar/log/log.h"
#include "sidecar/retention.h"
#include "sidecar/work.h"

namespace forebay {

class CommitThread {
 public:
  /// All outlive it. `policies` in the order of the log's streams.
  CommitThread(Log& log, const Clock& clock, Holds& holds, std::vector<RetentionPolicy> policies,
               BroadcastThread& broadcasts, Failure& failure)
      : clock_(clock),
        broadcasts_(broadcasts),
        failure_(failure),
        trimmer_(log, clock, holds, std::move(policies)),
        committer_(log, clock, holds, trimmer_) {}

  /// Until stop(), and what was queued before is committed.
  void run();

  // For the ingest thread.

  [[nodiscard]] CommitQueue& queue() { return queue_; }
  /// Commits a lone batch here and now, which saves it two changes of thread, a tenth of its way.
  /// False: there is more to do than that, or the other thread is at it. `tell` is called before the
  /// broadcast, so that who waits for an acknowledgement does not wait for another thread to wake.
  [[nodiscard]] bool commit_at_once(const std::function<void()>& tell);
  /// What came of commits, in order.
  [[nodiscard]] std::vector<CommitOutcome> take_outcomes() { return outcomes_.take(); }
  [[nodiscard]] int descriptor() const { return outcomes_.descriptor(); }

  /// How long all commits since the start took; from any thread.
  [[nodiscard]] DurationHistogram times() const;
  /// For how long the present one has been under way; from any thread. Zero: there is none.
  [[nodiscard]] Nanoseconds under_way() const;

 private:
  [[nodiscard]] BroadcastNews commit(std::vector<Work> work);

  const Clock& clock_;
  BroadcastThread& broadcasts_;
  Failure& failure_;
  CommitQueue queue_;
  std::mutex turn_;  // held by the thread that takes from the queue and commits
  Trimmer trimmer_;
  Committer committer_;
  Mailbox<CommitOutcome> outcomes_;
  mutable std::mutex times_mutex_;
  DurationHistogram times_;
  std::atomic<MonoTime> began_{};  // the present one; zero: there is none
};

}  // namespace forebay
