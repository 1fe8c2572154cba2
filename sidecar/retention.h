// Retention: deletes whole batches from the oldest on, by age and by bytes, in small transactions
// of their own. Off unless the topology says otherwise.
//
// Age is measured by the wall clock, which may be wrong. A clock is trusted while it agrees to an
// hour with the time since boot and, at start, with the last commit; else trimming by age waits,
// with an alert in the log, until the system says that its clock is synchronised. Trimming by bytes
// needs no clock.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "sidecar/log/log.h"

namespace forebay {

/// What a stream keeps; neither: everything.
struct RetentionPolicy {
  std::optional<Nanoseconds> age;
  std::optional<std::uint64_t> bytes;
};

/// Whether the wall clock can be trusted to tell an age.
class ClockTrust {
 public:
  /// `last_commit`: the latest commit time in the log, if it holds any.
  ClockTrust(const Clock& clock, std::optional<WallTime> last_commit);
  [[nodiscard]] bool trusted();

 private:
  [[nodiscard]] bool jumped() const;

  const Clock& clock_;
  WallTime wall_;        // when it was last found in order…
  MonoTime since_boot_;  // …and the time since boot then
  bool doubted_ = false;
};

class Trimmer {
 public:
  /// `log` and `clock` outlive it. `policies` in the order of the log's streams.
  Trimmer(Log& log, const Clock& clock, std::vector<RetentionPolicy> policies);

  /// Trims a bounded amount of what is due; returns the streams that changed, with their oldest
  /// sequence. An error of the store is fatal; a damaged batch goes when the next sound one is due.
  [[nodiscard]] Result<std::vector<std::pair<StreamIndex, Sequence>>> trim();

 private:
  [[nodiscard]] Result<bool> trim_stream(StreamIndex stream, bool by_age);

  Log& log_;
  const Clock& clock_;
  std::vector<RetentionPolicy> policies_;
  ClockTrust trust_;
  MonoTime next_look_{};
};

}  // namespace forebay
