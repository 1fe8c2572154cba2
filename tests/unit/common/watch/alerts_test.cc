#include "common/watch/alerts.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"

namespace forebay {
namespace {

using std::chrono::seconds;

struct BookFixture {
  AlertBook book;
  MonoTime now{seconds(1000)};
  WallTime wall{seconds(1'700'000'000)};

  std::vector<Alert> update(const std::vector<Condition>& conditions) {
    return book.update(conditions, now, wall);
  }
  void pass(Nanoseconds time) {
    now += time;
    wall += time;
  }
};

const Condition kLag{"lag", "billing of orders", "12 events behind"};
const Condition kFull{"full", "", "no room"};

TEST_CASE("WhatIsNotWellIsRaisedOnceAndClearedWhenItHasBeenWellForAWhile") {
  BookFixture f;
  REQUIRE(f.update({kLag}).size() == 1);
  f.pass(seconds(5));
  CHECK(f.update({{"lag", "billing of orders", "99 events behind"}}).empty());
  CHECK(f.book.raised().at(0).condition.text == "99 events behind");  // how it is now
  f.pass(limits::kAlertClearAfter - seconds(1));
  CHECK(f.update({}).empty());
  CHECK(f.book.raised().size() == 1);
  f.pass(seconds(1));
  const auto cleared = f.update({});
  REQUIRE(cleared.size() == 1);
  CHECK(cleared[0].condition.text == "99 events behind");
  CHECK(cleared[0].cleared == f.wall);
  CHECK(f.book.raised().empty());
  CHECK(f.update({kLag}).size() == 1);
}

TEST_CASE("WhatWaversAboutItsThresholdIsToldOfOnce") {
  BookFixture f;
  CHECK(f.update({kLag}).size() == 1);
  for (int i = 0; i < 50; ++i) {
    f.pass(limits::kAlertClearAfter / 2);
    CHECK(f.update(i % 2 == 0 ? std::vector<Condition>{} : std::vector{kLag}).empty());
  }
}

TEST_CASE("AnAlertIsOfItsKindAndSubject") {
  BookFixture f;
  CHECK(f.update({kLag, kFull, {"lag", "other of orders", ""}}).size() == 3);
  f.pass(limits::kAlertClearAfter);
  CHECK(f.update({kFull}).size() == 2);
  CHECK(f.book.raised().front().condition.alert == "full");
}

TEST_CASE("TheReportHoldsWhatIsRaisedAndTheHistory") {
  BookFixture f;
  static_cast<void>(f.update({kLag}));
  f.pass(limits::kAlertClearAfter);
  static_cast<void>(f.update({kFull}));
  const Json json = f.book.to_json();
  REQUIRE(json["raised"].size() == 1);
  CHECK(json["raised"][0] == Json{{"alert", "full"},
                                  {"subject", ""},
                                  {"text", "no room"},
                                  {"raised", to_rfc3339(f.wall)},
                                  {"cleared", nullptr}});
  REQUIRE(json["history"].size() == 1);
  CHECK(json["history"][0]["alert"] == "lag");
  CHECK(json["history"][0]["cleared"] == to_rfc3339(f.wall));
}

TEST_CASE("AlertsAndTheirHistoryAreBounded") {
  BookFixture f;
  std::vector<Condition> conditions;
  for (std::size_t i = 0; i < limits::kAlertsMax + 5; ++i)
    conditions.push_back({"lag", std::to_string(i), ""});
  CHECK(f.update(conditions).size() == limits::kAlertsMax);
  CHECK(f.book.raised().size() == limits::kAlertsMax);
  f.pass(limits::kAlertClearAfter);
  CHECK(f.update({}).size() == limits::kAlertsMax);
  CHECK(f.book.to_json()["history"].size() == limits::kAlertHistoryMax);
}

TEST_CASE("WhoCouldNotLookForAWhileClearsNothingAtOnce") {
  BookFixture f;
  REQUIRE(f.update({kFull}).size() == 1);
  f.pass(limits::kAlertClearAfter + seconds(1));
  f.book.go_on(f.now);
  CHECK(f.update({}).empty());
  f.pass(limits::kAlertClearAfter);
  CHECK(f.update({}).size() == 1);
}

}  // namespace
}  // namespace forebay
