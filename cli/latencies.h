// Many latencies in bounded memory, and the percentiles of them: buckets of which 128 lie between a
// power of two and the next, so that a percentile is at most 1/128 above the true one (the scheme
// of HdrHistogram).
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/clock.h"

namespace forebay {

class Latencies {
 public:
  /// One below zero counts as zero.
  void add(Nanoseconds latency);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// What that share (0 to 1) of them did not exceed; 0 if there are none.
  [[nodiscard]] Nanoseconds at(double share) const;
  [[nodiscard]] Nanoseconds max() const { return max_; }

 private:
  std::vector<std::uint64_t> buckets_;  // as many as the largest needs
  std::uint64_t count_ = 0;
  Nanoseconds max_{0};
};

}  // namespace forebay
