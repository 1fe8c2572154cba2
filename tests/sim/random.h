// The one source of chance in a simulation: the same seed gives the same run. Ids that the
// production code draws from the operating system come from here too (random.cc).
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

#include "common/base/clock.h"

namespace forebay::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  [[nodiscard]] std::uint64_t next() { return engine_(); }
  /// 0 … n − 1.
  [[nodiscard]] std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  [[nodiscard]] std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + below(high - low + 1);
  }
  [[nodiscard]] bool one_in(std::uint64_t n) { return below(n) == 0; }
  [[nodiscard]] std::chrono::milliseconds ms(std::uint64_t low, std::uint64_t high) {
    return std::chrono::milliseconds(between(low, high));
  }

 private:
  std::mt19937_64 engine_;
};

/// What the production code's random ids are drawn from until the next call.
void seed_ids(std::uint64_t seed);

}  // namespace forebay::sim
