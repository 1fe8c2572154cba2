#include "common/base/clock.h"

#include <rapidcheck/catch.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <limits>

namespace forebay {
namespace {

using namespace std::string_literals;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNewYear2026 = 1'767'225'600 * kSecond;

std::int64_t ns_of(std::string_view text) {
  INFO(text);
  const auto time = from_rfc3339(text);
  REQUIRE(time.has_value());
  return unix_ns(*time);
}

bool refused(std::string_view text) {
  const auto time = from_rfc3339(text);
  return !time && time.error().code == ErrorCode::kBadInput;
}

TEST_CASE("TimesAreReadWithAnyOffset") {
  CHECK(ns_of("1970-01-01T00:00:00Z") == 0);
  CHECK(ns_of("2026-01-01T00:00:00Z") == kNewYear2026);
  CHECK(ns_of("2026-01-01t00:00:00z") == kNewYear2026);
  CHECK(ns_of("2026-01-01 00:00:00Z") == kNewYear2026);
  CHECK(ns_of("2026-01-01T05:30:00+05:30") == kNewYear2026);
  CHECK(ns_of("2025-12-31T16:00:00-08:00") == kNewYear2026);
  CHECK(ns_of("2025-12-31T00:01:00-23:59") == kNewYear2026);
  CHECK(ns_of("2026-01-01T23:59:00+23:59") == kNewYear2026);
  CHECK(ns_of("2026-01-01T00:00:00-00:00") == kNewYear2026);
  CHECK(ns_of("1969-12-31T23:59:59Z") == -kSecond);
}

TEST_CASE("FractionsAreReadToTheNanosecondAndCutThere") {
  CHECK(ns_of("1970-01-01T00:00:00.5Z") == 500'000'000);
  CHECK(ns_of("1970-01-01T00:00:00.000000001Z") == 1);
  CHECK(ns_of("1970-01-01T00:00:00.123456789Z") == 123'456'789);
  CHECK(ns_of("1970-01-01T00:00:00.1234567899999Z") == 123'456'789);
  CHECK(ns_of("1970-01-01T00:00:00." + std::string(100, '9') + "Z") == 999'999'999);
  CHECK(ns_of("1969-12-31T23:59:59.75Z") == -250'000'000);
  CHECK(ns_of("1970-01-01T01:00:00.250+01:00") == 250'000'000);
}

TEST_CASE("LeapYearsFollowTheGregorianCalendar") {
  CHECK(ns_of("2024-02-29T00:00:00Z") == ns_of("2024-02-28T00:00:00Z") + 86'400 * kSecond);
  CHECK(ns_of("2000-02-29T12:00:00Z") + 86'400 * kSecond == ns_of("2000-03-01T12:00:00Z"));
  CHECK(refused("2023-02-29T00:00:00Z"));
  CHECK(refused("1900-02-29T00:00:00Z"));
  CHECK(refused("2100-02-29T00:00:00Z"));
}

TEST_CASE("ALeapSecondIsTheNextMinute") {
  CHECK(ns_of("2016-12-31T23:59:60Z") == ns_of("2017-01-01T00:00:00Z"));
}

TEST_CASE("WhatIsNoTimeIsRefused") {
  const auto text = GENERATE(
      ""s, "Z"s, "2026"s, "2026-01-01"s, "2026-01-01T00:00:00"s, "2026-01-01T00:00Z"s,
      "2026-01-01T00:00:00.Z"s, "2026-01-01T00:00:00,5Z"s, "2026-01-01T00:00:00.5"s,
      "2026-01-01T00:00:00+01"s, "2026-01-01T00:00:00+0100"s, "2026-01-01T00:00:00+01:0"s,
      "2026-01-01T00:00:00+24:00"s, "2026-01-01T00:00:00+01:60"s, "2026-01-01T00:00:00 01:00"s,
      "2026-01-01T00:00:00Zx"s, "2026-01-01T00:00:00Z "s, " 2026-01-01T00:00:00Z"s,
      "2026-00-01T00:00:00Z"s, "2026-13-01T00:00:00Z"s, "2026-01-00T00:00:00Z"s,
      "2026-01-32T00:00:00Z"s, "2026-04-31T00:00:00Z"s, "2026-01-01T24:00:00Z"s,
      "2026-01-01T00:60:00Z"s, "2026-01-01T00:00:61Z"s, "2026/01/01T00:00:00Z"s,
      "2026-01-01T00.00.00Z"s, "2026-01-01_00:00:00Z"s, "-026-01-01T00:00:00Z"s,
      "+2026-01-01T00:00:00Z"s, "2026-1-01T00:00:00Z"s, "2026-01-01T00:00:-1Z"s);
  INFO(text);
  CHECK(refused(text));
}

TEST_CASE("YearsThatNanosecondsDoNotReachAreRefused") {
  CHECK(refused("1677-12-31T23:59:59Z"));
  CHECK(refused("2262-01-01T00:00:00Z"));
  CHECK(refused("0000-01-01T00:00:00Z"));
  CHECK(refused("9999-12-31T23:59:59Z"));
  CHECK(ns_of("1678-01-01T00:00:00Z") < ns_of("2261-12-31T23:59:59.999999999Z"));
}

TEST_CASE("AYearThatTheOffsetLeadsOutOfIsRefused") {
  // Regression: they were read, and printed in UTC as times that are refused.
  CHECK(refused("1678-01-01T00:00:00+00:01"));
  CHECK(refused("1678-01-01T23:58:59.999999999+23:59"));
  CHECK(ns_of("1678-01-01T23:59:00+23:59") == ns_of("1678-01-01T00:00:00Z"));
  CHECK(refused("2261-12-31T23:59:60Z"));
  CHECK(refused("2261-12-31T00:01:00-23:59"));
  CHECK(ns_of("2261-12-31T00:00:59-23:59") == ns_of("2261-12-31T23:59:59Z"));
}

TEST_CASE("ARefusalQuotesNoMoreThanTheBeginningOfALongText") {
  CHECK(from_rfc3339(std::string(1 << 20, 'x')).error().message.size() < 256);
}

TEST_CASE("TimesArePrintedInUtcWithTheFractionTheyNeed") {
  const auto print = [](std::int64_t ns) { return to_rfc3339(wall_from_unix_ns(ns)); };
  CHECK(print(0) == "1970-01-01T00:00:00Z");
  CHECK(print(kNewYear2026) == "2026-01-01T00:00:00Z");
  CHECK(print(kNewYear2026 + 500'000'000) == "2026-01-01T00:00:00.500Z");
  CHECK(print(kNewYear2026 + 1'000) == "2026-01-01T00:00:00.000001Z");
  CHECK(print(kNewYear2026 + 1) == "2026-01-01T00:00:00.000000001Z");
  CHECK(print(kNewYear2026 + 120'000'000) == "2026-01-01T00:00:00.120Z");
  CHECK(print(kNewYear2026 + 100'000'100) == "2026-01-01T00:00:00.100000100Z");
  CHECK(print(-1) == "1969-12-31T23:59:59.999999999Z");
}

TEST_CASE("EveryTimeThatAnEventCanCarryPrints") {
  // Regression: the day of the earliest times begins before what 64 bits of nanoseconds reach.
  CHECK(to_rfc3339(wall_from_unix_ns(std::numeric_limits<std::int64_t>::min())) ==
        "1677-09-21T00:12:43.145224192Z");
  CHECK(to_rfc3339(wall_from_unix_ns(std::numeric_limits<std::int64_t>::max())) ==
        "2262-04-11T23:47:16.854775807Z");
}

TEST_CASE("TimesRoundTrip") {
  rc::prop("what is printed reads back the same", [] {
    const auto earliest = unix_ns(*from_rfc3339("1678-01-01T00:00:00Z"));
    const auto end = unix_ns(*from_rfc3339("2261-12-31T23:59:59Z"));
    const auto ns = *rc::gen::inRange<std::int64_t>(earliest, end);
    RC_ASSERT(from_rfc3339(to_rfc3339(wall_from_unix_ns(ns))) == wall_from_unix_ns(ns));
  });
  rc::prop("whatever offset it was read with", [] {
    const auto year = *rc::gen::element("1678"s, "1679"s, "2026"s, "2260"s, "2261"s);
    const auto day = *rc::gen::element("-01-01T"s, "-12-31T"s);
    const auto minutes = *rc::gen::inRange(0, 24 * 60), offset = *rc::gen::inRange(0, 24 * 60);
    const auto clock = [](int of) {
      const std::string hour = std::to_string(of / 60), minute = std::to_string(of % 60);
      return (of / 60 < 10 ? "0" : "") + hour + (of % 60 < 10 ? ":0" : ":") + minute;
    };
    const auto sign = *rc::gen::element("+"s, "-"s);
    if (const auto read = from_rfc3339(year + day + clock(minutes) + ":60" + sign + clock(offset)))
      RC_ASSERT(from_rfc3339(to_rfc3339(*read)) == *read);
  });
  rc::prop("random text is never a crash",
           [](const std::string& text) { RC_ASSERT(!from_rfc3339(text).has_value()); });
}

TEST_CASE("TheSystemClockGoesForwardAndKnowsTheCentury") {
  const SystemClock clock;
  const MonoTime before = clock.mono();
  CHECK(clock.mono() >= before);
  CHECK(clock.since_boot().time_since_epoch().count() > 0);
  CHECK(unix_ns(clock.wall()) > unix_ns(*from_rfc3339("2020-01-01T00:00:00Z")));
}

}  // namespace
}  // namespace forebay
