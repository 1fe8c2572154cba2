// Commit: everything that queued up while the last commit was syncing goes into the next one,
// across streams and producers: one LMDB transaction, full sync (group commit). Chain and epoch are
// checked again against the stored producer record; since what ingest let in was in order, a
// mismatch is a broken invariant.
#pragma once

#include <map>
#include <vector>

#include "common/base/clock.h"
#include "sidecar/log/log.h"
#include "sidecar/retention.h"
#include "sidecar/work.h"

namespace forebay {

class Committer {
 public:
  /// All outlive it.
  Committer(Log& log, const Clock& clock, Holds& holds, Trimmer& trimmer)
      : log_(log), clock_(clock), holds_(holds), trimmer_(trimmer) {}

  /// Commits `work` in order, and with it trims some of what is due. An outcome that is `full` did
  /// nothing but forget. An error is fatal: the process stops, and what was in the transaction is
  /// settled by the chain after a restart.
  [[nodiscard]] Result<CommitOutcome> commit(std::vector<Work> work);

  /// The outcome for work that is discarded because the log is full: answers for those who wait for
  /// one.
  static void discard(const std::vector<Work>& work, const std::string& message,
                      CommitOutcome& outcome);

 private:
  [[nodiscard]] Result<CommitOutcome> commit_all(std::vector<Work>& work);
  [[nodiscard]] Result<CommitOutcome> commit_once(std::vector<Work>& work);
  [[nodiscard]] Result<CommitOutcome> commit_full(std::vector<Work> work,
                                                  const std::string& message);

  Log& log_;
  const Clock& clock_;
  Holds& holds_;
  Trimmer& trimmer_;
};

}  // namespace forebay
