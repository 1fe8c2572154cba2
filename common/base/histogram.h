// How long things took, in bounded memory: for percentiles that a report shows.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <numeric>

namespace forebay {

/// Counts durations in buckets of a sixteenth of a power of two each, so that a percentile is at
/// most 6 % too long. 8 KiB. One thread at a time.
class DurationHistogram {
 public:
  using Duration = std::chrono::nanoseconds;

  void add(Duration duration) {
    const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
    ++counts_[bucket_of(ns)];
    ++count_;
    sum_ += ns;
    max_ = std::max(max_, ns);
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] Duration max() const { return Duration(max_); }
  [[nodiscard]] Duration sum() const { return Duration(sum_); }

  /// How many were not longer, give or take 6 % of the bound.
  [[nodiscard]] std::uint64_t count_within(Duration bound) const {
    const std::size_t end = bucket_of(static_cast<std::uint64_t>(bound.count()));
    return std::accumulate(counts_.begin(), counts_.begin() + static_cast<std::ptrdiff_t>(end) + 1,
                           std::uint64_t{0});
  }

  /// Of this share (0 to 1) of all durations none was longer; 0 if there are none.
  [[nodiscard]] Duration percentile(double share) const {
    const double wanted = share * static_cast<double>(count_);
    std::uint64_t passed = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      passed += counts_[i];
      if (passed > 0 && static_cast<double>(passed) >= wanted)
        return Duration(std::min(max_, last_of(i)));
    }
    return Duration(0);
  }

 private:
  static constexpr unsigned kBits = 4;  // of a value, after its first: which sixteenth
  static constexpr std::uint64_t kSteps = std::uint64_t{1} << kBits;

  static std::size_t bucket_of(std::uint64_t ns) {
    if (ns < kSteps) return ns;
    const auto shift = static_cast<unsigned>(std::bit_width(ns)) - 1 - kBits;
    return (shift + 1) * kSteps + ((ns >> shift) - kSteps);
  }
  static std::uint64_t last_of(std::size_t bucket) {
    if (bucket < kSteps) return bucket;
    const std::size_t shift = bucket / kSteps - 1;
    return ((bucket % kSteps + kSteps + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - kBits + 1) * kSteps> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;  // of nanoseconds: 584 years
  std::uint64_t max_ = 0;
};

}  // namespace forebay
