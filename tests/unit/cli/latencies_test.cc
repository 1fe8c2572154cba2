#include "cli/latencies.h"

#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

namespace forebay {
namespace {

using namespace std::chrono_literals;

TEST_CASE("WithoutLatenciesThePercentilesAreZero") {
  const Latencies none;
  CHECK(none.count() == 0);
  CHECK(none.at(0.99) == 0ns);
  CHECK(none.max() == 0ns);
}

TEST_CASE("OneAmongAThousandIsTheMaximumAndNotThe999thPermille") {
  Latencies latencies;
  for (int i = 0; i < 999; ++i) latencies.add(100ns);
  latencies.add(1h);
  CHECK(latencies.at(0.5) == 100ns);
  CHECK(latencies.at(0.999) == 100ns);
  CHECK(latencies.at(1) == 1h);
  CHECK(latencies.max() == 1h);
}

TEST_CASE("APercentileIsAtMostOne128thAboveTheTrueOne") {
  CHECK(rc::check([](std::vector<std::uint32_t> values, unsigned shift) {
    RC_PRE(!values.empty());
    Latencies latencies;
    std::vector<std::int64_t> sorted;
    for (const std::uint32_t value : values) {
      sorted.push_back(std::int64_t{value} << (shift % 31));
      latencies.add(Nanoseconds(sorted.back()));
    }
    std::sort(sorted.begin(), sorted.end());
    for (const double share : {0.01, 0.5, 0.99, 0.999, 1.0}) {
      const auto rank = std::ceil(share * static_cast<double>(sorted.size()));
      const std::int64_t exact = sorted[static_cast<std::size_t>(rank) - 1];
      RC_ASSERT(latencies.at(share).count() >= exact);
      RC_ASSERT(latencies.at(share).count() <= exact + exact / 128);
    }
  }));
}

TEST_CASE("ALatencyBelowZeroCountsAsZero") {
  Latencies latencies;
  latencies.add(-5ns);
  CHECK(latencies.count() == 1);
  CHECK(latencies.at(1) == 0ns);
}

}  // namespace
}  // namespace forebay
