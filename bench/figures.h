// What a program of the benchmark prints: one line of JSON on stdout, times on the machine's
// monotonic clock, which all processes share.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace forebay::bench {

using Figures = nlohmann::ordered_json;

inline std::int64_t mono_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

inline void print(const Figures& figures) {
  std::printf("%s\n", figures.dump().c_str());
  std::fflush(stdout);
}

/// What has to work; ends the program with the error otherwise.
template <class T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Of nanoseconds, as microseconds.
inline Figures percentiles(std::vector<std::int64_t>& taken) {
  std::sort(taken.begin(), taken.end());
  const auto at = [&](double share) {
    if (taken.empty()) return 0.0;
    const auto index = static_cast<std::size_t>(share * static_cast<double>(taken.size() - 1));
    return static_cast<double>(taken[index]) / 1000;
  };
  return {{"count", taken.size()}, {"p50_us", at(0.5)},    {"p90_us", at(0.9)},
          {"p99_us", at(0.99)},    {"p999_us", at(0.999)}, {"max_us", at(1)}};
}

}  // namespace forebay::bench
