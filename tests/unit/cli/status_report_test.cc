#include "cli/status_report.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "cli/progress.h"

namespace forebay {
namespace {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

SidecarAnswer answer(std::uint64_t head, const Json& consumers = Json::array()) {
  return {"inventory",
          {},
          Json{{"full", false},
               {"streams",
                {{{"stream", "stock"},
                  {"incarnation", "a"},
                  {"head", head},
                  {"oldest", 1u},
                  {"bytes", 2048u},
                  {"lost", 0u}}}},
               {"consumers", consumers}},
          {},
          {},
          {}};
}

Json consumer(const std::string& name, std::uint64_t lag, const std::string& state,
              std::uint64_t lost = 0) {
  return {{"stream", "stock"}, {"consumer", name}, {"cursor", 100 - lag}, {"lag", lag},
          {"lost", lost},      {"failed", 0u},     {"state", state},      {"heard_ms", 20u}};
}

}  // namespace

TEST_CASE("AStreamHasARowAndItsFurtherConsumersStandBelowIt") {
  auto one = answer(100u, {consumer("a", 0, "live"), consumer("b", 7, "fetch")});
  one.ages[{"stock", "b"}] = 1500ms;
  const auto rows = status_rows({one}, Alerts{});
  REQUIRE(rows.size() == 3);
  CHECK(rows[1] == std::vector<std::string>{"stock", "inventory", "100", "1", "2.0 KiB", "", "0",
                                            "a", "100", "0", "0s", "0", "0", "live", "ok"});
  CHECK(rows[2] == std::vector<std::string>{"stock", "inventory", "", "", "", "", "", "b", "93",
                                            "7", "1.5s", "0", "0", "fetch", "ok"});
}

TEST_CASE("AlertsThatAreRaisedStandBelowTheTableTheOldestFirst") {
  auto one = answer(1u), other = answer(1u);
  const WallTime now = *from_rfc3339("2026-01-02T00:00:30Z");
  CHECK(alert_rows({one}, {}, now).empty());
  const auto alert = [](const std::string& name, const std::string& since) {
    return Json{{"alert", name}, {"subject", "a of b"}, {"text", "so"}, {"raised", since}};
  };
  (*one.report)["alerts"] = {{"raised", {alert("lag", "2026-01-02T00:00:00Z")}}};
  (*other.report)["alerts"] = {{"raised", {alert("full", "2026-01-01T00:00:00Z")}}};
  // And those of nodes; one that does not answer, or knows nothing of alerts, has none to show.
  const std::vector<NodeAnswer> nodes = {
      {"away", fail(ErrorCode::kTimeout, "no answer")},
      {"older", Json{{"consumer", "older"}}},
      {"sourcing-1",
       Json{{"alerts", {{"raised", {alert("silent_beacon", "2026-01-01T12:00:00Z")}}}}}}};
  const auto rows = alert_rows({one, other}, nodes, now);
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].size() == rows[1].size());
  CHECK(rows[1] == std::vector<std::string>{"full", "inventory", "a of b", "2026-01-01T00:00:00Z",
                                            "24h", "so"});
  CHECK(rows[2][0] + " " + rows[2][1] == "silent_beacon sourcing-1");
  CHECK(rows[3][0] + " " + rows[3][4] == "lag 30.0s");
  // A clock that is behind the daemon's, and a time that is none.
  CHECK(alert_rows({one}, {}, now - std::chrono::hours(1))[1][4] == "0ms");
  (*one.report)["alerts"] = {{"raised", {alert("lag", "yesterday")}}};
  CHECK(alert_rows({one}, {}, now)[1][4].empty());
}

TEST_CASE("WhatIsNotWellStandsInTheLastColumn") {
  Alerts alerts;
  alerts.lag_events = 5;
  alerts.lag_age = 1s;
  auto late = answer(100u, Json::array({consumer("a", 7, "DIVERGED", 3u)}));
  late.ages[{"stock", "a"}] = 2s;
  CHECK(status_rows({late}, alerts)[1].back() == "! diverged, lag, old, lost");
  auto silent = consumer("a", 0, "live");
  silent["heard_ms"] = 65'000u;
  CHECK(status_rows({answer(100u, Json::array({silent}))}, alerts)[1].back() == "! silent 65.0s");
  silent["heard_ms"] = nullptr;
  CHECK(status_rows({answer(100u, Json::array({silent}))}, alerts)[1].back() == "! not heard of");
  auto full = answer(100u);
  (*full.report)["full"] = true;
  CHECK(status_rows({full}, alerts)[1].back() == "! full");
  auto doubtful = answer(100u);
  (*doubtful.report)["clock_doubted"] = true;
  CHECK(status_rows({doubtful}, alerts)[1].back() == "! clock doubted");
  (*doubtful.report)["disk"] = {{"left", 9u}, {"of", 100u}};
  CHECK(status_rows({doubtful}, alerts)[1].back() == "! disk low, clock doubted");
  (*doubtful.report)["full"] = true;
  CHECK(status_rows({doubtful}, alerts)[1].back() == "! full, clock doubted");
  auto damaged = answer(100u);
  (*damaged.report)["streams"][0]["damaged"] = 3u;
  CHECK(status_rows({damaged}, alerts)[1].back() == "! damaged");
  auto refusing = answer(100u);
  (*refusing.report)["streams"][0]["refusing"] = true;
  CHECK(status_rows({refusing}, alerts)[1].back() == "! waits for a consumer");
}

TEST_CASE("ASidecarThatDoesNotAnswerHasARowThatSaysSo") {
  SidecarAnswer down = answer(1u);
  down.report = fail(ErrorCode::kTimeout, "no answer");
  const auto rows = status_rows({down, answer(5u)}, Alerts{});
  REQUIRE(rows.size() == 3);
  CHECK(rows[1][1] == "inventory");
  CHECK(rows[1].back() == "! does not answer");
  CHECK(rows[2].back() == "ok");
}

TEST_CASE("ARateIsOfTwoAnswersOfOneLog") {
  const auto before = answer(100u);
  auto now = answer(400u);
  now.asked = before.asked + 500ms;
  add_rates(now, before);
  CHECK(now.rates.at("stock") == Approx(600));
  CHECK(status_rows({now}, Alerts{})[1][5] == "600/s");
  auto restored = answer(400u);
  restored.asked = now.asked;
  (*restored.report)["streams"][0]["incarnation"] = "b";
  add_rates(restored, before);
  CHECK(restored.rates.empty());
}

TEST_CASE("SizesAndDurationsAreShort") {
  CHECK(short_size(0) == "0 B");
  CHECK(short_size(1023) == "1023 B");
  CHECK(short_size(1536) == "1.5 KiB");
  CHECK(short_size(std::uint64_t{300} << 30) == "300 GiB");
  CHECK(short_duration(3ms) == "3ms");
  CHECK(short_duration(4200ms) == "4.2s");
  CHECK(short_duration(3h) == "3h");
}

TEST_CASE("AStreamThatItsSidecarDoesNotKnowIsShown") {
  SidecarAnswer stale = answer(5u);
  stale.streams = {"stock", "prices"};
  CHECK(streams_not_served(stale) == std::vector<std::string>{"prices"});
  const auto rows = status_rows({stale}, Alerts{});
  REQUIRE(rows.size() == 3);
  CHECK(rows[2].front() == "prices");
  CHECK(rows[2].back().find("not served") != std::string::npos);
}

TEST_CASE("TheProgressLineShowsShareRateAndTimeLeft") {
  CHECK(progress_line(50, 200, 1000, 10s) ==
        "[=======                       ] 25%  1000 events, 100/s, 0:30 left");
  CHECK(progress_line(0, 0, 1000, 10s) == "1000 events, 100/s");
}

TEST_CASE("AReportThatIsNoneIsRefusedAndNotPrinted") {
  // Regression: one of many levels went to a printer that recurses.
  const std::string deep =
      R"({"consumers":)" + std::string(1 << 20, '[') + std::string(1 << 20, ']');
  for (const std::string& text : {std::string(), std::string("[]"), std::string("{"), deep + "}"}) {
    const auto report = parse_report(text);
    REQUIRE_FALSE(report.has_value());
    CHECK(report.error().code == ErrorCode::kCorruption);
  }
  CHECK(parse_report("{}").value() == Json::object());
}

TEST_CASE("AReportWithFieldsOfOtherKindsIsShownAsFarAsItGoes") {
  // Regression: a consumer that is no object ended the program, a lag of 2^32 was none, and a silence
  // of more than nanoseconds count overflowed.
  SidecarAnswer odd = answer(7u);
  odd.report =
      parse_report(R"({"streams":[{"stream":"stock","head":"x"},5],"consumers":[3,[],)"
                   R"({"stream":"stock","consumer":"a","lag":4294967296,"cursor":900,"read":9,)"
                   R"("heard_ms":18446744073709551615},)"
                   R"({"stream":7,"consumer":null,"lag":1}]})");
  const auto behind = consumers_behind(*odd.report);
  REQUIRE(behind.size() == 2);
  CHECK(behind[0].consumer == "a");
  CHECK(behind[0].cursor == Sequence{9});
  CHECK(behind[1].stream.empty());
  const auto rows = status_rows({odd}, {});
  CHECK(rows.at(1).back().find("silent") != std::string::npos);
}

}  // namespace forebay
