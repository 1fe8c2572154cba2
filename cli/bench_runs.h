// What `forebay bench` measures of a sidecar, each on a stream of its own: publishers and consumers
// are those of the library, in this process.
#pragma once

#include <optional>

#include "cli/bench_report.h"
#include "cli/bench_sidecar.h"
#include "cli/progress.h"

namespace forebay {

struct BenchPlan {
  std::uint64_t events = 0;             // of each measurement, at most
  std::size_t event_bytes = 0;          // encoded, MadeEvents::kBytesMin or more
  std::optional<Nanoseconds> time_max;  // of publishing in each measurement; none: all events
};

/// What one event at a time, and the queries, are measured with.
inline constexpr std::uint64_t kBenchSinglesMax = 10'000;
inline constexpr std::chrono::seconds kBenchSinglesTime{3};

/// The room on disk that all of them need.
[[nodiscard]] std::uint64_t bench_bytes_needed(const BenchPlan& plan);

/// Throttles what is done between events: signals, the bar.
class BenchPulse {
 public:
  /// `sidecar` outlives it.
  BenchPulse(BenchSidecar& sidecar, const std::string& label, const BenchPlan& plan)
      : sidecar_(sidecar), plan_(plan), bar_(label) {}

  /// Has a look if the last one was a while ago: the errors of BenchSidecar::check.
  [[nodiscard]] Result<void> beat(std::uint64_t done, MonoTime now);
  [[nodiscard]] MonoTime begin() const { return begin_; }
  /// Whether the plan's time is over.
  [[nodiscard]] bool over(MonoTime now) const;

 private:
  BenchSidecar& sidecar_;
  const BenchPlan& plan_;
  Progress bar_;
  MonoTime begin_ = SystemClock().mono();
  MonoTime next_ = begin_;
};

class BenchRuns {
 public:
  /// The streams that the sidecar has to serve.
  static std::vector<std::string> streams() { return {"publish", "live", "load", "wait"}; }

  /// `sidecar` outlives it.
  BenchRuns(BenchSidecar& sidecar, BenchPlan plan) : sidecar_(sidecar), plan_(plan) {}

  // Each fails with the errors of BenchSidecar::check, or of what it measures.
  /// From the first event until all are on disk.
  [[nodiscard]] Result<Measured> publish();
  /// From the first event until a consumer's handler has had all.
  [[nodiscard]] Result<Measured> end_to_end();
  /// An open loop of half of `speed` events a second: how long after the moment that it was due each
  /// event reached a handler, whenever it was in fact published.
  [[nodiscard]] Result<Measured> half_speed(double speed);
  /// One event after the other, each published once the one before is on disk.
  [[nodiscard]] Result<Measured> one_and_wait();
  /// What publish() left in the log, read and decoded; likely from the page cache.
  [[nodiscard]] Result<Measured> replay();

 private:
  BenchSidecar& sidecar_;
  BenchPlan plan_;
};

}  // namespace forebay
