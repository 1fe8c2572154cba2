#include "nodes/sourcing/calendar.h"

#include <catch2/catch.hpp>

#include "nodes/sourcing/day_block.h"

namespace forebay {
namespace {

CivilDate day(const char* text) { return parse_date(text).value(); }
WallTime time(const char* text) { return from_rfc3339(text).value(); }

TEST_CASE("DatesAreThoseOfTheCalendar") {
  for (const char* text :
       {"2026-03-01", "2024-02-29", "2000-02-29", "1969-12-31", "0000-01-01", "9999-12-31"}) {
    CHECK(to_text(day(text)) == text);
  }
  for (const char* text :
       {"2023-02-29", "1900-02-29", "2026-04-31", "2026-3-01", "2026-03-1", "", "2026-03-011"}) {
    CHECK_FALSE(parse_date(text).has_value());
  }
}

TEST_CASE("TheWeekIsLaidOverTheDaysOfAMask") {
  const CivilDate monday = day("2026-03-02");
  for (int shift = 0; shift < 7; ++shift) {
    const CivilDate first = monday + std::chrono::days(shift);
    for (int week_day = 1; week_day <= 7; ++week_day) {
      const DayMask mask = week_mask(static_cast<WeekDays>(1 << (week_day - 1)), first);
      for (int i = 0; i < 64; ++i) {
        const bool expected = std::chrono::weekday{first + std::chrono::days(i)}.iso_encoding() ==
                              static_cast<unsigned>(week_day);
        REQUIRE(((mask >> i & 1) != 0) == expected);
      }
    }
  }
  CHECK(week_mask(0x7f, monday) == ~DayMask{0});
  CHECK(week_mask(0, monday) == 0);
}

TEST_CASE("AdvanceTakesStepsToLaterDays") {
  const DayMask days = 0b1011001 | DayMask{1} << 60;
  CHECK(first_day(days, 0) == 0);
  CHECK(first_day(days, 1) == 3);
  CHECK(first_day(days, 60) == 60);
  CHECK(first_day(days, 61) == kNoDay);
  CHECK(first_day(0, 0) == kNoDay);
  CHECK(advance(days, 0, 0) == 0);
  CHECK(advance(days, 1, 0) == 1);
  CHECK(advance(days, 0, 1) == 3);
  CHECK(advance(days, 1, 1) == 3);
  CHECK(advance(days, 0, 3) == 6);
  CHECK(advance(days, 0, 4) == 60);
  CHECK(advance(days, 0, 5) == kNoDay);
  CHECK(advance(days, 0, 1'000'000'000) == kNoDay);
}

TEST_CASE("LocalTimesFollowTheZoneInAnyOrderOfAsking") {
  TimeZones zones;
  const auto check = [&](const char* zone, const char* at, const char* date, int minutes) {
    INFO(zone << " " << at);
    const auto local = zones.local(zone, time(at));
    REQUIRE(local.has_value());
    CHECK(to_text(local->date) == date);
    CHECK(local->time_of_day == std::chrono::minutes(minutes));
  };
  for (int round = 0; round < 2; ++round) {
    check("Europe/Berlin", "2026-07-01T22:30:00Z", "2026-07-02", 30);
    check("Europe/Berlin", "2026-01-01T22:30:00Z", "2026-01-01", 23 * 60 + 30);
    check("America/New_York", "2026-03-08T06:59:00Z", "2026-03-08", 119);
    check("America/New_York", "2026-03-08T07:00:00Z", "2026-03-08", 180);
    check("America/New_York", "2026-11-01T05:59:00Z", "2026-11-01", 119);
    check("America/New_York", "2026-11-01T06:00:00Z", "2026-11-01", 60);
    check("Asia/Kathmandu", "2026-03-01T18:15:00Z", "2026-03-02", 0);
    check("UTC", "1969-12-31T23:59:00Z", "1969-12-31", 23 * 60 + 59);
    check("Pacific/Apia", "2011-12-30T09:59:00Z", "2011-12-29",
          23 * 60 + 59);  // 30 December never came
    check("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31", 0);
    check("Australia/Lord_Howe", "2026-07-01T00:00:00Z", "2026-07-01", 10 * 60 + 30);
  }
  CHECK_FALSE(zones.local("Nowhere/Here", time("2026-03-01T18:15:00Z")).has_value());
}

TEST_CASE("ABlockKeepsWhatWasSaidOfEachDay") {
  DayBlock block{std::string_view{}};
  block.set_exception(0, false);
  block.set_exception(31, true);
  block.set_exception(31, false);
  block.set_exception(31, true);
  block.set_capacity(5, 10);
  block.set_capacity(31, -1);
  REQUIRE(block.add_used(5, 4));
  REQUIRE(block.add_used(5, 3));
  REQUIRE(block.add_used(0, 100));
  REQUIRE(block.add_used(31, -2));
  const std::string bytes = DayBlock(block.encode()).encode();
  const DayBlockView view(bytes);
  CHECK(view.closed() == 1);
  CHECK(view.opened() == 1u << 31);
  CHECK(view.has_room(5, 3));
  CHECK_FALSE(view.has_room(5, 4));
  CHECK(view.has_room(0, 1'000'000));
  CHECK(view.has_room(31, 1));
  CHECK_FALSE(view.has_room(31, 2));
  CHECK(view.has_room(6, INT64_MAX));
  CHECK(DayBlockView().has_room(3, INT64_MAX));
}

}  // namespace
}  // namespace forebay
