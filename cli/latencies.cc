#include "cli/latencies.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace forebay {
namespace {

constexpr int kStepBits = 7;
constexpr std::uint64_t kSteps = std::uint64_t{1} << kStepBits;  // between two powers of two

std::size_t bucket_of(std::uint64_t value) {
  if (value < kSteps) return value;
  const int shift = std::bit_width(value) - 1 - kStepBits;
  return static_cast<std::size_t>(shift) * kSteps + (value >> shift);
}

/// The largest value of a bucket.
std::uint64_t end_of(std::size_t bucket) {
  if (bucket < kSteps) return bucket;
  const auto shift = bucket / kSteps - 1;
  return ((bucket % kSteps + kSteps + 1) << shift) - 1;
}

}  // namespace

void Latencies::add(Nanoseconds latency) {
  latency = std::max(latency, Nanoseconds(0));
  const std::size_t bucket = bucket_of(static_cast<std::uint64_t>(latency.count()));
  if (bucket >= buckets_.size()) buckets_.resize(bucket + 1);
  ++buckets_[bucket];
  ++count_;
  max_ = std::max(max_, latency);
}

Nanoseconds Latencies::at(double share) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t below = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    below += buckets_[bucket];
    if (below >= wanted && below > 0) {
      return std::min(Nanoseconds(static_cast<std::int64_t>(end_of(bucket))), max_);
    }
  }
  return max_;
}

}  // namespace forebay
