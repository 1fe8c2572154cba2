#include "common/base/histogram.h"

#include <catch2/catch.hpp>

namespace forebay {
namespace {

using std::chrono::nanoseconds;

TEST_CASE("OfNothingEveryPercentileIsZero") {
  const DurationHistogram none;
  CHECK(none.count() == 0);
  CHECK(none.percentile(0.5) == nanoseconds(0));
  CHECK(none.max() == nanoseconds(0));
}

TEST_CASE("APercentileIsNeverTooShortAndAtMostASixteenthTooLong") {
  const std::int64_t scale =
      GENERATE(std::int64_t{1}, 17, 1'000, 1'234'567, std::int64_t{3'000'000'000});
  DurationHistogram all;
  for (std::int64_t i = 1; i <= 1000; ++i) all.add(nanoseconds(i * scale));
  for (const std::int64_t wanted : {1, 10, 500, 990, 999, 1000}) {
    const auto found = all.percentile(static_cast<double>(wanted) / 1000);
    CHECK(found >= nanoseconds(wanted * scale));
    CHECK(found <= nanoseconds(wanted * scale + wanted * scale / 16 + 1));
  }
  CHECK(all.count() == 1000);
  CHECK(all.max() == nanoseconds(1000 * scale));
  CHECK(all.percentile(1) == all.max());
}

TEST_CASE("WhatNoClockShouldGiveIsCountedToo") {
  DurationHistogram all;
  all.add(nanoseconds(-5));
  CHECK(all.percentile(1) == nanoseconds(0));
  all.add(nanoseconds::max());
  CHECK(all.max() == nanoseconds::max());
  CHECK(all.percentile(1) == nanoseconds::max());
}

}  // namespace
}  // namespace forebay
