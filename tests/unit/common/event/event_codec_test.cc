#include "common/event/event_codec.h"

#include <rapidcheck/catch.h>

#include <catch2/catch.hpp>
#include <limits>
#include <msgpack.hpp>
#include <sstream>

#include "common/base/limits.h"
#include "common/event/event_json.h"
#include "tests/support/memory.h"

namespace forebay {
namespace {

using namespace std::string_literals;

const WallTime kNow = wall_from_unix_ns(1'767'225'600'000'000'000);

template <class T>
std::string packed(const T& value) {
  std::ostringstream out;
  msgpack::pack(out, value);
  return out.str();
}

std::string encoded(const Event& event) {
  std::string bytes;
  const auto result = encode_event(event, kNow, bytes);
  REQUIRE(result.has_value());
  return bytes;
}

/// The message of the refusal, which leaves what was in the buffer as it was.
std::string refusal(const Event& event) {
  std::string bytes = "before";
  const auto result = encode_event(event, kNow, bytes);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == ErrorCode::kBadInput);
  CHECK(bytes == "before");
  return result.error().message;
}

bool decodes(std::string_view bytes) {
  const auto event = decode_event(bytes, "\x80");
  if (!event) CHECK(event.error().code == ErrorCode::kCorruption);
  return event.has_value();
}

Event plain() { return Event{"stock.adjusted", "sku-1", kNow, "\x07", {{"id", "e1"}}}; }

Attributes arbitrary_attributes() {
  Attributes attributes;
  for (int i = *rc::gen::inRange(0, 8); i > 0; --i) {
    const auto name = "x" + *rc::gen::arbitrary<std::string>();
    switch (*rc::gen::element(0, 1, 2)) {
      case 0:
        attributes[name] = *rc::gen::arbitrary<std::string>();
        break;
      case 1:
        attributes[name] = *rc::gen::arbitrary<std::int64_t>();
        break;
      default:
        attributes[name] = *rc::gen::arbitrary<bool>();
        break;
    }
  }
  return attributes;
}

TEST_CASE("EventsRoundTrip") {
  rc::prop("every field comes back", [] {
    Event event;
    event.type = *rc::gen::nonEmpty<std::string>();
    event.subject = *rc::gen::arbitrary<std::string>();
    if (*rc::gen::arbitrary<bool>()) {
      event.time = wall_from_unix_ns(*rc::gen::arbitrary<std::int64_t>());
    }
    if (*rc::gen::arbitrary<bool>()) {
      event.data = packed(*rc::gen::arbitrary<std::map<std::string, std::vector<std::int64_t>>>());
    }
    event.attributes = arbitrary_attributes();
    const Attributes shared = arbitrary_attributes();
    const std::string shared_bytes = *encode_attributes(shared);
    RC_ASSERT(check_attributes(shared_bytes).has_value());

    std::string bytes = "before";
    RC_ASSERT(encode_event(event, kNow, bytes).has_value());
    RC_ASSERT(bytes.starts_with("before"));
    const auto view = decode_event(std::string_view(bytes).substr(6), shared_bytes);
    RC_ASSERT(view.has_value());
    RC_ASSERT(view->type == event.type);
    RC_ASSERT(view->subject == event.subject);
    RC_ASSERT(view->time == event.time.value_or(kNow));
    RC_ASSERT(view->data == event.data);
    Attributes all = event.attributes;
    all.insert(shared.begin(), shared.end());
    RC_ASSERT(view->all_attributes() == all);
  });
}

TEST_CASE("AnEventHasAType") {
  Event event = plain();
  event.type.clear();
  CHECK(refusal(event) == "type has 0 bytes; it may have 1 to 4096");
  event.type = std::string(4097, 't');
  CHECK(refusal(event) == "type has 4097 bytes; it may have 1 to 4096");
  event.type = std::string(4096, 't');
  CHECK(decode_event(encoded(event), "\x80")->type.size() == 4096);
}

TEST_CASE("ASubjectIsAtMost4096Bytes") {
  Event event = plain();
  event.subject = std::string(4096, 's');
  CHECK(decodes(encoded(event)));
  event.subject += 's';
  CHECK(refusal(event) == "subject has 4097 bytes; it may have 1 to 4096");
  event.subject.clear();
  CHECK(decode_event(encoded(event), "\x80")->subject.empty());
}

TEST_CASE("AttributesAreAtMost64OfNamedKinds") {
  Event event = plain();
  event.attributes.clear();
  for (int i = 0; i < 64; ++i) event.attributes["x" + std::to_string(i)] = true;
  CHECK(decodes(encoded(event)));
  event.attributes["one more"] = std::int64_t{1};
  CHECK(refusal(event) == "65 attributes; an event may have 64");

  event.attributes = {{std::string(4096, 'n'), std::string(4096, 'v')}};
  CHECK(decodes(encoded(event)));
  event.attributes = {{std::string(4097, 'n'), "v"}};
  CHECK(refusal(event) == "an attribute's name has 4097 bytes; it may have 1 to 4096");
  event.attributes = {{"", "v"}};
  CHECK(refusal(event) == "an attribute's name has 0 bytes; it may have 1 to 4096");
  event.attributes = {{"note", std::string(4097, 'v')}};
  CHECK(refusal(event) == "attribute note has 4097 bytes; it may have 0 to 4096");
}

TEST_CASE("WhatAnEventHasAFieldForIsNoAttribute") {
  const auto name = GENERATE("specversion"s, "type"s, "subject"s, "time"s, "data"s, "data_base64"s);
  Event event = plain();
  event.attributes[name] = "x";
  CHECK(refusal(event) == "\"" + name + "\" is a field of the event, not an attribute");
  CHECK_FALSE(encode_attributes({{name, "x"}}).has_value());
}

TEST_CASE("IdAndSourceAreText") {
  const auto name = GENERATE("id"s, "source"s);
  Event event = plain();
  event.attributes[name] = std::int64_t{5};
  CHECK(refusal(event) == "attribute " + name + " is not text");
}

TEST_CASE("DataIsOneMsgpackValueOfAtMostSixteenLevels") {
  Event event = plain();
  for (const std::string& data :
       {"\x07\x07"s, "\xc1"s, "\x91"s, std::string(17, '\x91') + "\x07", "\xdd\xff\xff\xff\xff"s,
        std::string(100'000, '\x91'), "\xdb\xff\xff\xff\xff"s}) {
    event.data = data;
    CHECK(refusal(event) == "data is not one msgpack value of at most 16 levels");
  }
  event.data = std::string(16, '\x91') + "\x07";
  CHECK(decode_event(encoded(event), "\x80")->data == event.data);
}

TEST_CASE("NilDataIsNoData") {
  Event event = plain();
  event.data = "\xc0";
  CHECK(decode_event(encoded(event), "\x80")->data.empty());
}

TEST_CASE("AnEventIsAtMostOneMebibyte") {
  Event event = plain();
  event.data = "\xc6" + std::string(4, '\0');
  const std::size_t around = encoded(event).size();
  const auto fill = [&](std::size_t bytes) {
    std::ostringstream out;
    msgpack::packer<std::ostringstream> pack(out);
    pack.pack_bin(static_cast<std::uint32_t>(bytes));
    event.data = out.str() + std::string(bytes, 'x');
  };
  fill((1 << 20) - around);
  CHECK(encoded(event).size() == std::size_t{1} << 20);
  CHECK(decodes(encoded(event)));
  fill((1 << 20) - around + 1);
  CHECK(refusal(event).starts_with("an event of 1048577 bytes; the limit is 1048576"));
}

TEST_CASE("SharedAttributesAreAtMost32KiB") {
  // Regression: more of them passed here and then broke an invariant of BatchBuilder.
  Attributes shared;
  for (int i = 0; i < 8; ++i) shared["x" + std::to_string(i)] = std::string(4000, 'v');
  CHECK(encode_attributes(shared).has_value());
  shared["y"] = std::string(4000, 'v');
  const auto result = encode_attributes(shared);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == ErrorCode::kBadInput);
}

TEST_CASE("OwnAttributesWinOverSharedOnes") {
  Event event = plain();
  event.attributes = {{"id", "own"}, {"region", std::int64_t{7}}, {"b", "second"}};
  const std::string bytes = encoded(event);
  const std::string shared =
      *encode_attributes({{"id", "shared"}, {"source", "shop"}, {"region", "text"}});
  const auto view = decode_event(bytes, shared);
  REQUIRE(view.has_value());
  CHECK(view->text_attribute("id") == "own");
  CHECK(view->text_attribute("source") == "shop");
  CHECK(view->text_attribute("b") == "second");
  // Regression: the event's own region is no text, so there is none, not the shared one.
  CHECK_FALSE(view->text_attribute("region").has_value());
  CHECK_FALSE(view->text_attribute("absent").has_value());
  CHECK(
      view->all_attributes() ==
      Attributes{{"id", "own"}, {"source", "shop"}, {"region", std::int64_t{7}}, {"b", "second"}});
}

TEST_CASE("OfAnAttributeThatStandsTwiceTheFirstCounts") {
  // Regression: all_attributes took the last, text_attribute the first.
  const std::string twice = "\x95\xa1t\xc0\x00\xc0\x82\xa1k\xa1x\xa1k\xa1y"s;
  const auto view = decode_event(twice, "\x80");
  REQUIRE(view.has_value());
  CHECK(view->text_attribute("k") == "x");
  CHECK(view->all_attributes() == Attributes{{"k", "x"}});
}

TEST_CASE("AnEnvelopeThatIsNotOfTheGrammarIsRefused") {
  const std::string sound = "\x95\xa1t\xa1s\x00\x07\x81\xa1k\xa1v"s;
  REQUIRE(decodes(sound));
  REQUIRE(decodes("\x95\xa1t\xc0\xd3\xff\xff\xff\xff\xff\xff\xff\xff\xc0\x80"));
  for (std::size_t size = 0; size < sound.size(); ++size)
    CHECK_FALSE(decodes(sound.substr(0, size)));
  CHECK_FALSE(decodes(sound + "\xc0"));
  const auto bytes = GENERATE(
      "\x94\xa1t\xa1s\x00\x07"s, "\x96\xa1t\xa1s\x00\x07\x80\xc0"s,     // four, six elements
      "\x85\xa1t\xa1s\x00\x07\x80"s, "\xa1t"s,                          // a map, a text
      "\x95\xa0\xa1s\x00\x07\x80"s, "\x95\xc0\xa1s\x00\x07\x80"s,       // type empty, nil
      "\x95\x01\xa1s\x00\x07\x80"s, "\x95\xc4\x01t\xa1s\x00\x07\x80"s,  // a number, binary
      "\x95\xa1t\xa0\x00\x07\x80"s, "\x95\xa1t\x01\x00\x07\x80"s,       // subject empty, a number
      "\x95\xa1t\xa1s\xc0\x07\x80"s, "\x95\xa1t\xa1s\xca\0\0\0\0\x07\x80"s,  // time nil, a float
      "\x95\xa1t\xa1s\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x07\x80"s,         // time above int64
      "\x95\xa1t\xa1s\x00\xc1\x80"s,                                         // data unreadable
      "\x95\xa1t\xa1s\x00\x07\xc0"s, "\x95\xa1t\xa1s\x00\x07\x90"s,  // attributes nil, an array
      "\x95\xa1t\xa1s\x00\x07\x81\xa0\xa1v"s,                        // an empty name
      "\x95\xa1t\xa1s\x00\x07\x81\x01\xa1v"s,                        // a number as name
      "\x95\xa1t\xa1s\x00\x07\x81\xa1k\xc0"s,                        // a value that is nil,
      "\x95\xa1t\xa1s\x00\x07\x81\xa1k\xcb\0\0\0\0\0\0\0\0"s,        // a float,
      "\x95\xa1t\xa1s\x00\x07\x81\xa1k\x80"s,                        // a map,
      "\x95\xa1t\xa1s\x00\x07\x81\xa1k\xcf\xff\xff\xff\xff\xff\xff\xff\xff"s);  // above int64
  CHECK_FALSE(decodes(bytes));
}

TEST_CASE("LimitsHoldForWhatIsDecodedToo") {
  const auto with = [](const std::string& type, const std::string& subject,
                       const std::string& map) {
    return "\x95" + packed(type) + packed(subject) + "\x00\xc0"s + map;
  };
  const std::string longest(4096, 'x'), over(4097, 'x');
  using Map = std::map<std::string, std::string>;
  CHECK(decodes(with(longest, longest, packed(Map{{longest, longest}}))));
  CHECK_FALSE(decodes(with(over, "s", "\x80")));
  CHECK_FALSE(decodes(with("t", over, "\x80")));
  CHECK_FALSE(decodes(with("t", "s", packed(Map{{over, "v"}}))));
  CHECK_FALSE(decodes(with("t", "s", packed(Map{{"k", over}}))));
  std::map<std::string, bool> many;
  for (int i = 0; i < 64; ++i) many[std::to_string(i)] = true;
  CHECK(decodes(with("t", "s", packed(many))));
  many["one more"] = true;
  CHECK_FALSE(decodes(with("t", "s", packed(many))));
}

TEST_CASE("BombsInAnEventAreRefusedWithoutMemory") {
  const std::size_t before = test::peak_memory_bytes();
  const std::string head = "\x95\xa1t\xc0\x00"s;
  const auto bomb =
      GENERATE("\xdd\xff\xff\xff\xff"s, "\xdf\xff\xff\xff\xff"s, "\xdb\xff\xff\xff\xff"s,
               "\xc6\xff\xff\xff\xff"s, std::string(100'000, '\x91'), std::string(100'000, '\xdd'));
  CHECK_FALSE(decodes(head + bomb));
  CHECK_FALSE(decodes(head + bomb + "\x80"));
  CHECK_FALSE(decodes(head + "\xc0" + bomb));
  CHECK_FALSE(decodes(bomb));
  CHECK_FALSE(check_attributes(bomb).has_value());
  CHECK(test::peak_memory_bytes() - before < (16 << 20));
}

TEST_CASE("SharedAttributesThatAreNoMapAreRefused") {
  CHECK(check_attributes("\x80").has_value());
  CHECK(check_attributes("\x83\xa1"s + "a\xa1v\xa1" + "b\x05\xa1" + "c\xc3").has_value());
  for (const std::string& bytes : {""s, "\xc0"s, "\x90"s, "\x80\x80"s, "\x81\xa1k\xc0"s, "\x81"s}) {
    const auto result = check_attributes(bytes);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code == ErrorCode::kBadInput);
  }
}

TEST_CASE("DamagedEventsNeverCrash") {
  rc::prop("random bytes", [](const std::string& bytes, const std::string& shared) {
    const auto view = decode_event(bytes, shared);
    const auto behind_a_head = decode_event("\x95\xa1t\xc0\x00\x07"s + bytes, shared);
    for (const auto& event : {view, behind_a_head}) {
      if (!event) continue;
      static_cast<void>(event->all_attributes());
      static_cast<void>(event->text_attribute("id"));
      static_cast<void>(event_to_json(*event, BatchHeader{}, 0));
    }
  });
  rc::prop("a sound event with bytes changed", [] {
    Event event = plain();
    event.data = packed(*rc::gen::arbitrary<std::map<std::string, std::vector<std::string>>>());
    std::string bytes = encoded(event);
    for (int edits = *rc::gen::inRange(1, 5); edits > 0; --edits) {
      bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
    }
    const auto view = decode_event(bytes, bytes);
    if (!view) return;
    static_cast<void>(view->all_attributes());
    static_cast<void>(event_to_json(*view, BatchHeader{}, 0));
  });
}

}  // namespace
}  // namespace forebay
