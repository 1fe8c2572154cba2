#include "common/event/event_json.h"

#include <rapidcheck/catch.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/event/event_codec.h"
#include "common/event/json_value.h"

namespace forebay {
namespace {

using namespace std::string_literals;

BatchHeader example_header() {
  BatchHeader header;
  header.origin.producer.value = 0x1122334455667788;
  header.origin.last.value = 2;
  return header;
}

/// `event` as it prints after having travelled in a batch with `shared` attributes.
std::string printed(const Event& event, const Attributes& shared = {}) {
  std::string bytes;
  REQUIRE(encode_event(event, WallTime{}, bytes).has_value());
  const std::string shared_bytes = *encode_attributes(shared);
  const auto view = decode_event(bytes, shared_bytes);
  REQUIRE(view.has_value());
  const auto line = event_to_json(*view, example_header(), 1);
  REQUIRE(line.has_value());
  return *line;
}

Event parsed(std::string_view line) {
  const auto event = event_from_json(line);
  INFO(line << (event ? "" : ": " + event.error().message));
  REQUIRE(event.has_value());
  return *event;
}

std::string refusal_of_line(std::string_view line) {
  INFO(line);
  const auto event = event_from_json(line);
  REQUIRE_FALSE(event.has_value());
  CHECK(event.error().code == ErrorCode::kBadInput);
  return event.error().message;
}

TEST_CASE("AnEventInJsonComesBackAsItWas") {
  const std::string line =
      R"({"specversion":"1.0","id":"e1","source":"shop","type":"stock.set","subject":"sku-1",)"
      R"("time":"2026-01-01T00:00:00.250Z","dataschema":"https://example.org/s","flag":true,)"
      R"("priority":-5,"traceparent":"00-ab-cd-01","data":{"sku":"sku-1","on_hand":7,"b":[1.5,null]}})";
  CHECK(printed(parsed(line)) == line);
}

TEST_CASE("EveryFieldIsRead") {
  const Event event =
      parsed(R"({"specversion": "1.0", "type": "stock.set", "subject": "sku-1", "id": "e1",)"
             R"( "time": "2026-01-01T01:00:00+01:00", "data": 7, "x": "y"})");
  CHECK(event.type == "stock.set");
  CHECK(event.subject == "sku-1");
  CHECK(event.time == wall_from_unix_ns(1'767'225'600'000'000'000));
  CHECK(event.data == "\x07");
  CHECK(event.attributes == Attributes{{"id", "e1"}, {"x", "y"}});
}

TEST_CASE("OnlyTheTypeIsRequired") {
  const Event event = parsed(R"({"type":"a.b"})");
  CHECK(event.subject.empty());
  CHECK_FALSE(event.time.has_value());
  CHECK(event.data.empty());
  CHECK(event.attributes.empty());
}

TEST_CASE("NullIsAsGoodAsAbsent") {
  const Event event = parsed(
      R"({"type":"a.b","id":null,"source":null,"subject":null,"time":null,"data":null,"x":null})");
  CHECK(event.subject.empty());
  CHECK_FALSE(event.time.has_value());
  CHECK(event.data.empty());
  CHECK(event.attributes.empty());
}

TEST_CASE("AnEventPublishedWithoutAnIdIsPrintedWithItsProducers") {
  const std::string line = printed(Event{"a.b", "", WallTime{}, "", {}});
  CHECK(line ==
        R"({"specversion":"1.0","id":"1122334455667788-2-1","source":"forebay","type":"a.b",)"
        R"("time":"1970-01-01T00:00:00Z"})");
}

TEST_CASE("SharedAttributesArePrintedUnlessTheEventHasItsOwn") {
  const Event event{"a.b", "", WallTime{}, "", {{"id", "own"}, {"x", std::int64_t{1}}}};
  CHECK(printed(event, {{"source", "shop"}, {"x", std::int64_t{2}}, {"y", true}}) ==
        R"({"specversion":"1.0","id":"own","source":"shop","type":"a.b",)"
        R"("time":"1970-01-01T00:00:00Z","x":1,"y":true})");
}

TEST_CASE("BinaryDataIsDataBase64") {
  const std::string line =
      R"({"specversion":"1.0","id":"e1","source":"s","type":"a.b","time":"1970-01-01T00:00:00Z",)"
      R"("data_base64":"Zm9v"})";
  CHECK(parsed(line).data ==
        "\xc4\x03"
        "foo");
  CHECK(printed(parsed(line)) == line);
}

TEST_CASE("BinaryAnywhereElseIsWrapped") {
  const std::string line =
      R"({"specversion":"1.0","id":"e1","source":"s","type":"a.b","time":"1970-01-01T00:00:00Z",)"
      R"("data":{"inner":{"$base64":"Zm9v"},"ext":{"$base64":"Zg==","$ext":5},"m":{"$map":[[1,2]]}}})";
  CHECK(printed(parsed(line)) == line);
  CHECK(parsed(R"({"type":"a.b","data":{"$base64":"Zm9v"}})").data ==
        "\xc4\x03"
        "foo");
}

TEST_CASE("DataThatOnlyLooksLikeAWrapperStaysData") {
  // Regression: the map {"$base64": 5} was printed as "data_base64": 5, which no reader takes.
  Event event{"a.b", "", WallTime{}, "\x81\xa7$base64\x05", {{"id", "e"}}};
  const std::string line = printed(event);
  CHECK(line.find("data_base64") == std::string::npos);
  CHECK(parsed(line).data == event.data);
}

TEST_CASE("DataAndDataBase64TogetherAreRefused") {
  CHECK(refusal_of_line(R"({"type":"a.b","data":1,"data_base64":"Zg=="})").find("both") !=
        std::string::npos);
}

TEST_CASE("WhatIsNoEventIsRefusedByName") {
  const auto [line, part] = GENERATE(table<std::string, std::string>({
      {"", "not JSON"},
      {"[]", "not a CloudEvents object"},
      {"1", "not a CloudEvents object"},
      {R"({"type":"a.b"} x)", "not JSON at byte"},
      {R"({"id":"e1"})", "no \"type\""},
      {R"({"type":""})", "no \"type\""},
      {R"({"type":null})", "no \"type\""},
      {R"({"type":5})", "\"type\" is not text"},
      {R"({"type":"a.b","subject":5})", "\"subject\" is not text"},
      {R"({"type":"a.b","id":5})", "\"id\" is not text"},
      {R"({"type":"a.b","id":""})", "\"id\" is empty: leave it away to get one"},
      {R"({"type":"a.b","source":true})", "\"source\" is not text"},
      {R"({"type":"a.b","source":""})", "\"source\" is empty: leave it away to get one"},
      {R"({"type":"a.b","time":5})", "\"time\" is not text"},
      {R"({"type":"a.b","time":"yesterday"})", "\"time\": 'yesterday' is not a time"},
      {R"({"type":"a.b","time":"2026-01-01T00:00:00"})", "RFC 3339"},
      {R"({"type":"a.b","time":"2026-02-29T00:00:00Z"})", "RFC 3339"},
      {R"({"type":"a.b","specversion":"0.3"})", "\"specversion\" is not \"1.0\""},
      {R"({"type":"a.b","specversion":1})", "\"specversion\" is not text"},
      {R"({"type":"a.b","data_base64":"Zg"})", "\"data_base64\": not base64"},
      {R"({"type":"a.b","data_base64":{}})", "\"data_base64\" is not text"},
      {R"({"type":"a.b","data":{"x":{"$base64":"Zg"}}})", "\"data\": \"$base64\": not base64"},
      {R"({"type":"a.b","x":1.5})", "\"x\" is not text, a 64-bit integer or a boolean"},
      {R"({"type":"a.b","x":{}})", "\"x\" is not text, a 64-bit integer or a boolean"},
      {R"({"type":"a.b","x":9223372036854775808})", "\"x\" is not text, a 64-bit integer"},
      {R"({"type":"a.b","x":1e999})", "number out of range"},
      {R"({"type":"a.b","type":"c.d"})", "a key stands twice"},
      {"{\"type\":\"a\xff\"}", "not UTF-8 at byte 11"},
  }));
  INFO(part);
  CHECK(refusal_of_line(line).find(part) != std::string::npos);
}

TEST_CASE("IntegerAttributesAreExact") {
  CHECK(parsed(R"({"type":"a.b","x":9223372036854775807})").attributes.at("x") ==
        AttributeValue(INT64_MAX));
  CHECK(parsed(R"({"type":"a.b","x":-9223372036854775808})").attributes.at("x") ==
        AttributeValue(INT64_MIN));
}

TEST_CASE("DataNestedDeeperThanAnEventMayIsRefusedAtTheLatestWhenEncoded") {
  const std::string line =
      R"({"type":"a.b","data":)" + std::string(17, '[') + std::string(17, ']') + "}";
  std::string bytes;
  const auto event = event_from_json(line);
  CHECK((!event || !encode_event(*event, WallTime{}, bytes)));
  const std::string deepest =
      R"({"type":"a.b","data":)" + std::string(16, '[') + std::string(16, ']') + "}";
  CHECK(encode_event(parsed(deepest), WallTime{}, bytes).has_value());
  CHECK_FALSE(event_from_json(R"({"type":"a.b","data":)" + std::string(100'000, '[')).has_value());
}

TEST_CASE("AStrangersAttributesDoNotStandInForTheEventsFields") {
  // Regression: attributes of these names, which no encoder of ours makes, were printed over the
  // fields.
  const std::string bytes =
      "\x95\xa1t\xa1s\x00\x07\x87\xa4type\xa1x\xa7subject\xa1x\xa4time\x01\xa4"
      "data\x01"
      "\xab"
      "data_base64\xa1x\xabspecversion\xa1x\xa2id\x05"s;
  const auto view = decode_event(bytes, "\x80");
  REQUIRE(view.has_value());
  CHECK(event_to_json(*view, example_header(), 1) ==
        R"({"specversion":"1.0","id":"1122334455667788-2-1","source":"forebay","type":"t",)"
        R"("subject":"s","time":"1970-01-01T00:00:00Z","data":7})");
}

TEST_CASE("DataThatIsNotSoundIsReported") {
  EventView view;
  view.type = "a.b";
  view.data = "\xc1";
  const auto line = event_to_json(view, example_header(), 0);
  REQUIRE_FALSE(line.has_value());
  CHECK(line.error().code == ErrorCode::kCorruption);
}

TEST_CASE("LinesHaveNoLineBreakWithin") {
  const Event event{"a\nb", "s\r\n", WallTime{}, "\xa2\n\r", {{"x", "\n"}, {"id", "e"}}};
  const std::string line = printed(event);
  CHECK(line.find_first_of("\r\n") == std::string::npos);
  CHECK(parsed(line).subject == event.subject);
}

TEST_CASE("EventsRoundTripThroughJson") {
  // Names and texts are made of letters: what is not UTF-8 does not survive JSON.
  const auto word = rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', 'z')));
  rc::prop("what is printed reads back the same", [&] {
    Event event;
    event.type = *word;
    if (*rc::gen::arbitrary<bool>()) event.subject = *word;
    event.time = wall_from_unix_ns(*rc::gen::arbitrary<std::int64_t>() % 9'000'000'000'000'000'000);
    event.attributes["id"] = *word;
    event.attributes["source"] = *word;
    event.attributes["x" + *word] = *word;
    event.attributes["y" + *word] = *rc::gen::arbitrary<std::int64_t>();
    event.attributes["z" + *word] = *rc::gen::arbitrary<bool>();
    if (*rc::gen::arbitrary<bool>()) {
      Json data;
      for (const std::string& key : *rc::gen::container<std::vector<std::string>>(word)) {
        data[key] = *rc::gen::arbitrary<std::vector<std::int64_t>>();
      }
      if (!data.is_null()) event.data = *msgpack_from_json(data);
    }
    const Event back = parsed(printed(event));
    RC_ASSERT(back.type == event.type);
    RC_ASSERT(back.subject == event.subject);
    RC_ASSERT(back.time == event.time);
    RC_ASSERT(back.data == event.data);
    RC_ASSERT(back.attributes == event.attributes);
  });
}

}  // namespace
}  // namespace forebay
