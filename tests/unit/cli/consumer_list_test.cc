#include "cli/consumer_list.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace forebay {
namespace {

Topology topology() {
  Topology made;
  made.sidecars = {{"left", "here", {{"a", {}}, {"b", {}}}, {}}};
  Node reader;
  reader.name = "reader";
  reader.subscribes = {{"a", {}}, {"b", {}}};
  made.nodes = {reader};
  return made;
}

Json registered(const std::string& consumer, const std::string& stream, const Json& heard_ms) {
  return {{"stream", stream}, {"consumer", consumer}, {"cursor", 7u},    {"lag", 2u},
          {"lost", 0u},       {"failed", 0u},         {"state", "LIVE"}, {"heard_ms", heard_ms}};
}

Json report(const std::vector<Json>& consumers) {
  return {{"streams", {{{"stream", "a"}, {"head", 9u}}, {{"stream", "b"}, {"head", 4u}}}},
          {"consumers", consumers}};
}

std::vector<std::string> row(const ConsumersHeard& heard, std::size_t index) {
  return consumer_rows(consumer_list(topology(), heard)).at(index + 1);
}

TEST_CASE("AConsumerThatDoesNotAnswerHereIsListedAsItsSidecarHeardLast") {
  const ConsumersHeard heard{{{"left", report({registered("reader", "a", 20u)})}}, {}};
  CHECK(row(heard, 0) ==
        std::vector<std::string>{"reader", "a", "LIVE", "7", "9", "2", "0", "0", "", "20ms", "ok"});
  CHECK(row(heard, 1) == std::vector<std::string>{"reader", "b", "", "", "", "", "", "", "", "",
                                                  "! not registered"});
}

TEST_CASE("AConsumerThatAnswersIsListedAsItself") {
  const Json own{{"consumer", "reader"},
                 {"streams",
                  {{{"stream", "a"},
                    {"state", "FETCH"},
                    {"incarnation", "ab"},
                    {"cursor", 8u},
                    {"head", 10u},
                    {"lag", 2u},
                    {"start", 1u},
                    {"lost", 3u},
                    {"failed", 1u},
                    {"age_ms", 5u}}}},
                 {"build", {{"running", false}}}};
  const ConsumersHeard heard{{{"left", report({registered("reader", "a", 6000u)})}},
                             {{"reader", own}}};
  CHECK(row(heard, 0) == std::vector<std::string>{"reader", "a", "FETCH", "8", "10", "2", "3", "1",
                                                  "5", "6.0s", "! silent 6.0s, lost, failed"});
  const Json list = consumer_list(topology(), heard);
  CHECK(list[0]["build"] == own["build"]);
  CHECK(list[0]["streams"][0]["incarnation"] == "ab");
  CHECK(list[0]["streams"][0]["start"] == 1u);
}

TEST_CASE("OfAConsumerThatHasReadAnotherLogItsSidecarTellsHowFarItIsBehind") {
  const Json own{{"streams",
                  {{{"stream", "a"},
                    {"state", "DIVERGED"},
                    {"cursor", 500u},
                    {"head", 500u},
                    {"lag", 0u},
                    {"lost", 0u},
                    {"failed", 0u},
                    {"age_ms", nullptr}}}}};
  const ConsumersHeard heard{{{"left", report({registered("reader", "a", 20u)})}},
                             {{"reader", own}}};
  CHECK(row(heard, 0) == std::vector<std::string>{"reader", "a", "DIVERGED", "500", "9", "2", "0",
                                                  "0", "", "20ms", "! diverged"});
}

TEST_CASE("ARegisteredConsumerThatTheTopologyDoesNotHaveIsListedAndSaidToBeThat") {
  // Of "b" it is a consumer no longer.
  const ConsumersHeard heard{
      {{"left", report({registered("gone", "a", nullptr), registered("reader", "a", 20u)})}}, {}};
  CHECK(row(heard, 2) ==
        std::vector<std::string>{"gone", "a", "LIVE", "7", "9", "2", "0", "0", "", "",
                                 "! not heard of, not in the topology: `consumers forget`"});
  const Json list = consumer_list(topology(), heard);
  CHECK(list[1]["consumer"] == "gone");
  CHECK(list[1]["streams"][0]["in_topology"] == false);
  CHECK(list[0]["streams"][0]["in_topology"] == true);
  // Of a stream that it no longer subscribes to it is none, either.
  Topology less = topology();
  less.nodes[0].subscribes.pop_back();
  const ConsumersHeard both{{{"left", report({registered("reader", "b", 20u)})}}, {}};
  CHECK(consumer_rows(consumer_list(less, both)).at(2).back() ==
        "! not in the topology: `consumers forget`");
}

TEST_CASE("AStreamThatOnlyItsConsumerKnowsIsSaidToBeNotInTheTopology") {
  const Json own{{"streams", {{{"stream", "c"}, {"state", "FETCH"}}}}};
  const ConsumersHeard heard{{{"left", report({registered("reader", "c", 20u)})}},
                             {{"reader", own}}};
  CHECK(row(heard, 2).at(1) == "c");
  CHECK(row(heard, 2).back() == "! not in the topology");
}

TEST_CASE("WhatASidecarThatDoesNotAnswerWouldKnowIsNotMadeUp") {
  const ConsumersHeard heard{{{"left", fail(ErrorCode::kTimeout, "no answer")}}, {}};
  CHECK(row(heard, 0).back() == "! its sidecar does not answer");
  const Json list = consumer_list(topology(), heard);
  CHECK(list[0]["streams"][0]["registered"] == nullptr);
  CHECK(list[1] == Json{{"sidecar", "left"}, {"error", "no answer"}});
}

}  // namespace
}  // namespace forebay
