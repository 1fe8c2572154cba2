#include "sidecar/self_look.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"
#include "tests/support/log_steps.h"
#include "tests/support/manual_clock.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A log of "a" with events of different times, and a report in which all is well.
struct SelfLookFixture {
  test::TempDir dir;
  ManualClock clock;
  std::unique_ptr<Log> log = test::open_log(dir);
  Alerts alerts;
  SelfLook::Memory memory;
  SelfLook self{*log, clock, alerts, memory};
  Json report{
      {"sidecar", "inventory"},
      {"full", false},
      {"disk", {{"left", 900}, {"of", 1000}}},
      {"clock_doubted", false},
      {"streams",
       {{{"stream", "a"},
         {"head", 10},
         {"oldest", 1},
         {"bytes", 4096},
         {"lost", 0},
         {"refusing", false},
         {"damaged", 0}}}},
      {"producers",
       {{{"stream", "a"}, {"name", "wms"}, {"id", "07"}, {"silent_ms", 20}, {"departed", false}}}},
      {"consumers",
       {{{"stream", "a"},
         {"consumer", "billing"},
         {"cursor", 10},
         {"read", 10},
         {"lag", 0},
         {"lost", 0},
         {"failed", 0},
         {"state", "LIVE"},
         {"heard_ms", 30}}}},
      {"commits", {{"count", 3}, {"total_us", 1500}, {"buckets", Json::array()}}},
      {"counters",
       {{"batches", 4},
        {"events", 10},
        {"duplicates", 1},
        {"resends_asked", 2},
        {"refused", Json::object()}}},
      {"connections", Json::object()}};

  Json& stream() { return report["streams"][0]; }
  Json& producer() { return report["producers"][0]; }
  Json& consumer() { return report["consumers"][0]; }

  std::string metrics() { return self.look(report).metrics.text(); }
  /// Name and subject of each, in the order in which they are found.
  std::vector<std::pair<std::string, std::string>> conditions() {
    std::vector<std::pair<std::string, std::string>> found;
    for (const Condition& condition : self.look(report).conditions)
      found.emplace_back(condition.alert, condition.subject);
    return found;
  }
  using Conditions = std::vector<std::pair<std::string, std::string>>;
};

TEST_CASE("WhereAllIsWellThereIsNoAlert") {
  SelfLookFixture f;
  CHECK(f.conditions().empty());
  CHECK(f.self.look(f.report).not_ready.empty());
}

TEST_CASE("EachFigureOfTheReportMovesItsMetric") {
  struct Figure {
    Json::json_pointer at;
    Json value;
    std::string line;
  };
  const std::string stream = R"({sidecar="inventory",stream="a"} )";
  const std::string consumer = R"({sidecar="inventory",stream="a",consumer="billing"} )";
  const std::vector<Figure> figures{
      {"/full"_json_pointer, true, R"(forebay_full{sidecar="inventory"} 1)"},
      {"/clock_doubted"_json_pointer, true, R"(forebay_clock_doubted{sidecar="inventory"} 1)"},
      {"/disk/left"_json_pointer, 77, R"(forebay_disk_left_bytes{sidecar="inventory"} 77)"},
      {"/disk/of"_json_pointer, 78, R"(forebay_disk_bytes{sidecar="inventory"} 78)"},
      {"/commits/count"_json_pointer, 79,
       R"(forebay_commit_seconds_count{sidecar="inventory"} 79)"},
      {"/commits/total_us"_json_pointer, 2'500'000,
       R"(forebay_commit_seconds_sum{sidecar="inventory"} 2.5)"},
      {"/commits/buckets"_json_pointer, Json::array({{{"le_us", 500'000}, {"count", 2}}}),
       R"(forebay_commit_seconds_bucket{sidecar="inventory",le="0.5"} 2)"},
      {"/counters/events"_json_pointer, 80, R"(forebay_events_total{sidecar="inventory"} 80)"},
      {"/counters/batches"_json_pointer, 81, R"(forebay_batches_total{sidecar="inventory"} 81)"},
      {"/counters/duplicates"_json_pointer, 82,
       R"(forebay_duplicates_total{sidecar="inventory"} 82)"},
      {"/counters/resends_asked"_json_pointer, 83,
       R"(forebay_resends_asked_total{sidecar="inventory"} 83)"},
      {"/counters/refused/unknown_key"_json_pointer, 84,
       R"(forebay_refused_total{sidecar="inventory",reason="unknown_key"} 84)"},
      {"/connections/far/turned_away"_json_pointer, 85,
       R"(forebay_connections_total{sidecar="inventory",from="far",what="turned_away"} 85)"},
      {"/streams/0/head"_json_pointer, 86, "forebay_head" + stream + "86"},
      {"/streams/0/oldest"_json_pointer, 87, "forebay_oldest" + stream + "87"},
      {"/streams/0/bytes"_json_pointer, 88, "forebay_stream_bytes" + stream + "88"},
      {"/streams/0/lost"_json_pointer, 89, "forebay_stream_lost" + stream + "89"},
      {"/streams/0/damaged"_json_pointer, 90, "forebay_stream_damaged" + stream + "90"},
      {"/streams/0/refusing"_json_pointer, true, "forebay_stream_refusing" + stream + "1"},
      {"/consumers/0/cursor"_json_pointer, 91, "forebay_consumer_cursor" + consumer + "91"},
      {"/consumers/0/lag"_json_pointer, 92, "forebay_consumer_lag_events" + consumer + "92"},
      {"/consumers/0/lost"_json_pointer, 93, "forebay_consumer_lost" + consumer + "93"},
      {"/consumers/0/failed"_json_pointer, 94, "forebay_consumer_failed" + consumer + "94"},
      {"/consumers/0/heard_ms"_json_pointer, 5001, "forebay_consumer_silent" + consumer + "1"},
      {"/producers/0/silent_ms"_json_pointer, 2500,
       R"(forebay_producer_silent_seconds{sidecar="inventory",stream="a",producer="wms"} 2.5)"},
  };
  for (const Figure& figure : figures) {
    SelfLookFixture f;
    CHECK_THAT(f.metrics(), !Catch::Contains(figure.line + "\n"));
    f.report[figure.at] = figure.value;
    CHECK_THAT(f.metrics(), Catch::Contains(figure.line + "\n"));
  }
}

TEST_CASE("LagInSecondsIsHowLongTheFirstEventToBeReadIsOnDisk") {
  SelfLookFixture f;
  test::append(*f.log, test::kFirst, f.clock.wall());
  f.clock.advance(seconds(3));
  test::append(*f.log, test::kFirst, f.clock.wall());
  f.clock.advance(milliseconds(1500));
  f.consumer()["read"] = 1;  // its cursor is another log's
  f.consumer()["lag"] = 1;
  const std::string of =
      R"(forebay_consumer_lag_seconds{sidecar="inventory",stream="a",consumer="billing"} )";
  CHECK_THAT(f.metrics(), Catch::Contains(of + "1.5\n"));
  CHECK(f.conditions().empty());
  f.consumer()["read"] = 0;
  CHECK_THAT(f.metrics(), Catch::Contains(of + "4.5\n"));
  f.alerts.lag_age = seconds(4);
  CHECK(f.conditions() == SelfLookFixture::Conditions{{"lag", "billing of a"}});
}

TEST_CASE("WhatIsNotWellNowIsAnAlert") {
  struct Wrong {
    Json::json_pointer at;
    Json value;
    std::string alert, subject;
  };
  const std::vector<Wrong> wrongs{
      {"/full"_json_pointer, true, "full", ""},
      {"/disk/left"_json_pointer, 99, "disk", ""},
      {"/clock_doubted"_json_pointer, true, "clock", ""},
      {"/streams/0/damaged"_json_pointer, 1, "damaged", "a"},
      {"/streams/0/lost"_json_pointer, 1, "lost", "a"},
      {"/streams/0/refusing"_json_pointer, true, "waits", "a"},
      {"/consumers/0/state"_json_pointer, "DIVERGED", "diverged", "billing of a"},
      {"/consumers/0/lost"_json_pointer, 1, "lost", "billing of a"},
      {"/consumers/0/lag"_json_pointer, 10'001, "lag", "billing of a"},
      {"/consumers/0/heard_ms"_json_pointer, 5001, "silent_consumer", "billing of a"},
      {"/producers/0/silent_ms"_json_pointer, 3001, "silent_producer", "wms of a"},
  };
  for (const Wrong& wrong : wrongs) {
    SelfLookFixture f;
    f.report[wrong.at] = wrong.value;
    CHECK(f.conditions() == SelfLookFixture::Conditions{{wrong.alert, wrong.subject}});
  }
}

TEST_CASE("ALogThatIsFullIsNotReady") {
  SelfLookFixture f;
  f.report["full"] = true;
  CHECK(f.self.look(f.report).not_ready == std::vector<std::string>{"the log is full"});
  CHECK_THAT(f.self.look(f.report).line, Catch::EndsWith(", FULL"));
}

TEST_CASE("ACommitThatDoesNotEndIsAnAlertAndNotReady") {
  SelfLookFixture f;
  f.report["commits"]["under_way_ms"] = 5000;
  CHECK_THAT(f.metrics(),
             Catch::Contains("forebay_commit_under_way_seconds{sidecar=\"inventory\"} 5\n"));
  CHECK(f.conditions().empty());
  f.report["commits"]["under_way_ms"] = 5001;
  CHECK(f.conditions() == SelfLookFixture::Conditions{{"stuck", ""}});
  CHECK(f.self.look(f.report).not_ready.size() == 1);
}

TEST_CASE("AProducerThatSaidGoodbyeIsNotMissed") {
  SelfLookFixture f;
  f.producer()["silent_ms"] = 100'000;
  f.producer()["departed"] = true;
  CHECK(f.conditions().empty());
}

TEST_CASE("OneWithoutANameIsNotMissed") {
  SelfLookFixture f;
  f.producer()["silent_ms"] = 100'000;
  f.producer()["name"] = "";
  CHECK(f.conditions().empty());
}

TEST_CASE("OfAProducerWithSeveralFilesTheOneThatIsHeardCounts") {
  SelfLookFixture f;
  f.report["producers"].push_back(f.producer());
  f.producer()["silent_ms"] = 100'000;
  CHECK(f.conditions().empty());
  f.report["producers"][1]["silent_ms"] = 4000;
  CHECK(f.conditions() == SelfLookFixture::Conditions{{"silent_producer", "wms of a"}});
}

TEST_CASE("WhoHasNotComeBackSinceTheStartHasAWhileToDoSo") {
  SelfLookFixture f;
  f.consumer()["heard_ms"] = nullptr;
  f.consumer()["lag"] = 20'000;
  CHECK(f.conditions().empty());
  f.clock.advance(limits::kConsumerSilent + seconds(1));
  CHECK(f.conditions() ==
        SelfLookFixture::Conditions{{"silent_consumer", "billing of a"}, {"lag", "billing of a"}});
}

TEST_CASE("ACursorThatStandsBeforeItsHeadDoesNotMove") {
  SelfLookFixture f;
  const auto stands = [&] { return !f.conditions().empty(); };
  f.consumer()["lag"] = 5;
  CHECK_FALSE(stands());
  f.clock.advance(f.alerts.not_moving);
  CHECK_FALSE(stands());
  f.clock.advance(seconds(1));
  CHECK(f.conditions() == SelfLookFixture::Conditions{{"not_moving", "billing of a"}});
  f.consumer()["cursor"] = 11;
  CHECK_FALSE(stands());
  f.clock.advance(f.alerts.not_moving + seconds(1));
  CHECK(stands());
  f.consumer()["lag"] = 0;
  CHECK_FALSE(stands());
}

TEST_CASE("ALossIsAnAlertForAWhileAndAgainWhenItGrows") {
  SelfLookFixture f;
  f.stream()["lost"] = 3;
  CHECK(f.conditions().size() == 1);
  f.clock.advance(limits::kAlertLostFor);
  CHECK(f.conditions().empty());
  f.stream()["lost"] = 4;
  CHECK(f.conditions().size() == 1);
}

TEST_CASE("AReloadIsNoReasonToForgetWhatStandsNorToTellOfAnOldLossAgain") {
  SelfLookFixture f;
  f.stream()["lost"] = 3;
  f.consumer()["lag"] = 5;
  static_cast<void>(f.conditions());
  f.clock.advance(limits::kAlertLostFor);
  SelfLook anew(*f.log, f.clock, f.alerts, f.memory);
  const Json heard = std::exchange(f.consumer()["heard_ms"], nullptr);
  CHECK(anew.look(f.report).conditions.empty());  // nobody knows yet whether it is there
  f.consumer()["heard_ms"] = heard;
  const Findings found = anew.look(f.report);
  REQUIRE(found.conditions.size() == 1);
  CHECK(found.conditions.front().alert == "not_moving");
}

TEST_CASE("WhoComesBackIsNotOneThatDoesNotMove") {
  SelfLookFixture f;
  f.consumer()["lag"] = 5;
  f.consumer()["heard_ms"] = 10'000;
  CHECK(f.conditions() == SelfLookFixture::Conditions{{"silent_consumer", "billing of a"}});
  f.clock.advance(f.alerts.not_moving + seconds(1));
  static_cast<void>(f.conditions());
  f.consumer()["heard_ms"] = 0;
  CHECK(f.conditions().empty());
}

TEST_CASE("RefusalsAreAnAlertWhenThereAreManyWithinAMinute") {
  SelfLookFixture f;
  Json& refused = f.report["counters"]["refused"];
  refused["forbidden"] = 5000;  // since the start, whenever that was
  CHECK(f.conditions().empty());
  refused["forbidden"] = 5000 + f.alerts.refusals - 1;
  CHECK(f.conditions().empty());
  refused["forbidden"] = 5000 + f.alerts.refusals;
  CHECK(f.conditions() == SelfLookFixture::Conditions{{"refusals", "forbidden"}});
  for (int i = 0; i < 61; ++i) {
    f.clock.advance(seconds(1));
    static_cast<void>(f.conditions());
  }
  CHECK(f.conditions().empty());
}

TEST_CASE("TheStatusLineSaysHeadRateAndLag") {
  SelfLookFixture f;
  CHECK(f.self.look(f.report).line == "1 streams, highest head 10, 0 events/s, greatest lag 0");
  f.clock.advance(seconds(2));
  f.report["counters"]["events"] = 110;
  f.stream()["head"] = 110;
  f.consumer()["lag"] = 7;
  CHECK(f.self.look(f.report).line == "1 streams, highest head 110, 50 events/s, greatest lag 7");
}

}  // namespace
}  // namespace forebay
