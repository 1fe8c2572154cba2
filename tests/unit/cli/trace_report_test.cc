#include "cli/trace_report.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace forebay {
namespace {

using std::chrono::microseconds;

const WallTime kCommitted = *from_rfc3339("2026-03-01T12:00:00.5Z");

TracedEvent event() {
  TracedEvent made;
  made.sidecar = "left";
  made.stream = "orders";
  made.incarnation.bytes.fill(7);
  made.sequence = Sequence{17};
  made.producer = ProducerId{0x2a};
  made.published = kCommitted - microseconds(1250);
  made.committed = kCommitted;
  made.type = "order.placed";
  made.attributes = {{"id", "o-1"}};
  return made;
}

Topology topology() {
  Topology made;
  for (const char* name : {"billing", "audit"}) {
    Node node;
    node.name = name;
    node.subscribes = {{"orders", {}}};
    made.nodes.push_back(node);
  }
  made.nodes[1].subscribes.push_back({"payments", {}});
  return made;
}

Json answer(const Json& fate) {
  return {{"state", "LIVE"},
          {"incarnation", event().incarnation.hex()},
          {"lag", 3u},
          {"oldest", {{"sequence", 2u}, {"time", "2026-03-01T11:00:00Z"}}},
          {"applied", {fate}}};
}

Json fate(const char* state, const Json& time = nullptr, const Json& reason = nullptr) {
  return {{"sequence", 17u}, {"state", state}, {"time", time}, {"reason", reason}};
}

Json registered(const char* consumer, std::uint64_t cursor, const char* state = "LIVE") {
  return {{"stream", "orders"},
          {"consumer", consumer},
          {"cursor", cursor},
          {"lag", 9u},
          {"state", state}};
}

/// The last cell of the only consumer.
std::string applied(const std::vector<ConsumerFate>& fates) {
  return trace_rows({{event(), "", fates}}).at(1).back();
}
std::string applied(const Json& told) {
  const AppliedAnswers answers{{{"billing", "orders"}, told}};
  return applied({consumer_fates(topology(), Json::object(), answers, event()).front()});
}

TEST_CASE("AConsumerThatAnswersSaysWhatBecameOfAnEvent") {
  CHECK(applied(answer(fate("applied", "2026-03-01T12:00:00.5018Z"))) == "+1.8ms");
  CHECK(applied(answer(fate("applied"))) == "by 2026-03-01T11:00:00Z");
  Json nothing_kept = answer(fate("applied"));
  nothing_kept["oldest"] = nullptr;
  CHECK(applied(nothing_kept) == "applied; when is not known");
  CHECK(applied(answer(fate("not_yet"))) == "not yet (lag 3)");
  CHECK(applied(answer(fate("failed", "2026-03-01T12:00:03.5Z", "no such sku"))) ==
        "failed +3.0s: no such sku");
  CHECK(applied(answer(fate("lost", nullptr, "trimmed"))) == "lost: trimmed");
  CHECK(applied(answer(fate("before_start"))) == "it began after this");
}

TEST_CASE("AConsumerOfAnotherLogSaysNothingOfThisOne") {
  Json told = answer(fate("applied", "2026-03-01T12:00:00.5018Z"));
  told["incarnation"] = std::string(32, 'a');
  CHECK(applied(told) == "diverged");
  told["incarnation"] = Incarnation{}.hex();  // it has none yet
  told["applied"][0] = fate("not_yet");
  CHECK(applied(told) == "not yet (lag 3)");
  told = answer(fate("not_yet"));
  told["state"] = "DIVERGED";
  CHECK(applied(told) == "diverged");
}

TEST_CASE("AnAnswerThatCannotBeReadIsNoFate") {
  CHECK(applied(Json(7)) == "diverged");
  CHECK(applied(answer(Json(7))) == "unknown");
}

TEST_CASE("OfAConsumerThatDoesNotAnswerItsSidecarSaysHowFarItCame") {
  const auto told = [](const Json& consumers) {
    return applied({consumer_fates(topology(), {{"consumers", consumers}}, {}, event()).front()});
  };
  CHECK(told(Json::array({registered("billing", 17)})) == "passed; does not answer");
  CHECK(told(Json::array({registered("billing", 16)})) == "not yet (lag 9); does not answer");
  CHECK(told(Json::array({registered("billing", 18, "DIVERGED")})) == "diverged; does not answer");
  CHECK(told(Json::array()) == "it never came; does not answer");
}

TEST_CASE("ConsumersThatTheTopologyLacksComeLast") {
  const Json report{{"consumers", {registered("old", 20), registered("audit", 20)}}};
  const auto fates = consumer_fates(topology(), report, {}, event());
  REQUIRE(fates.size() == 3);
  CHECK(fates[0].consumer == "billing");
  CHECK(fates[0].state == "not_registered");
  CHECK(fates[1].consumer == "audit");
  CHECK(fates[2].consumer == "old");
  CHECK(fates[2].state == "passed");
}

TEST_CASE("AnEventHasARowForEachConsumerAndACauseThatWasFoundItsPosition") {
  TracedEvent first = event(), second = event();
  second.stream = "payments";
  second.sequence = Sequence{4};
  second.attributes = {{"id", "p-1"}, {"causationid", "o-1"}};
  const auto rows = trace_rows({{first,
                                 "shop",
                                 {{.consumer = "billing", .state = "before_start"},
                                  {.consumer = "audit", .state = "not_yet", .lag = 0}}},
                                {second, "", {}}});
  REQUIRE(rows.size() == 4);
  CHECK(rows[1] == std::vector<std::string>{"2026-03-01T12:00:00.498750Z",
                                            "2026-03-01T12:00:00.500000Z", "+1.2ms", "orders:17",
                                            "order.placed", "", "o-1", "", "shop", "billing",
                                            "it began after this"});
  CHECK(rows[2] ==
        std::vector<std::string>{"", "", "", "", "", "", "", "", "", "audit", "not yet (lag 0)"});
  CHECK(rows[3][3] == "payments:4");
  CHECK(rows[3][7] == "orders:17");
  second.attributes["causationid"] = "unknown";
  CHECK(trace_rows({{second, "", {}}})[1][7] == "unknown");
}

TEST_CASE("InJsonAllFieldsAreThereAlsoWhereThereIsNothing") {
  const Json json = trace_json(
      event(), "shop",
      {{.consumer = "billing", .state = "applied", .applied = kCommitted + microseconds(900)}});
  const Json expected{{"stream", "orders"},
                      {"sidecar", "left"},
                      {"sequence", 17},
                      {"incarnation", event().incarnation.hex()},
                      {"id", "o-1"},
                      {"type", "order.placed"},
                      {"subject", nullptr},
                      {"published", "2026-03-01T12:00:00.498750Z"},
                      {"committed", "2026-03-01T12:00:00.500Z"},
                      {"commit_delay_us", 1250},
                      {"correlationid", nullptr},
                      {"causationid", nullptr},
                      {"traceparent", nullptr},
                      {"producer", {{"id", "000000000000002a"}, {"name", "shop"}}},
                      {"consumers",
                       {{{"consumer", "billing"},
                         {"state", "applied"},
                         {"applied", "2026-03-01T12:00:00.500900Z"},
                         {"apply_delay_us", 900},
                         {"no_later_than", nullptr},
                         {"lag", nullptr},
                         {"reason", nullptr},
                         {"answered", true}}}}};
  CHECK(json == expected);
  CHECK(trace_json(event(), "", {})["producer"]["name"].is_null());
}

TEST_CASE("DelaysAreSignedAndAsLongAsTheyNeed") {
  CHECK(signed_duration(Nanoseconds(0)) == "+0us");
  CHECK(signed_duration(microseconds(850)) == "+850us");
  CHECK(signed_duration(microseconds(999) + Nanoseconds(900)) == "+1.0ms");
  CHECK(signed_duration(microseconds(1250)) == "+1.2ms");
  CHECK(signed_duration(std::chrono::seconds(1)) == "+1.0s");
  CHECK(signed_duration(std::chrono::hours(-3)) == "-3h");
}

TEST_CASE("ATimeThatNobodyCanMeanIsShownAndItsDelayIsTheLongestThereIs") {
  TracedEvent odd = event();
  odd.published = WallTime::min();
  odd.committed = WallTime::max();
  auto row = trace_rows({{odd, "", {}}}).at(1);
  CHECK(row[0] == "1677-09-21T00:12:43.145224Z");
  CHECK(row[2] == "+106752d");
  std::swap(odd.published, odd.committed);
  row = trace_rows({{odd, "", {}}}).at(1);
  CHECK(row[2] == "-106752d");
  CHECK(trace_json(odd, "", {})["commit_delay_us"].get<std::int64_t>() < 0);
}

TEST_CASE("AProducersNameIsThatOfItsId") {
  const Json report{{"producers", {{{"id", "000000000000002a"}, {"name", "shop"}}}}};
  CHECK(producer_name(report, ProducerId{42}) == "shop");
  CHECK(producer_name(report, ProducerId{43}).empty());
}

}  // namespace
}  // namespace forebay
