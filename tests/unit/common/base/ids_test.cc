#include "common/base/ids.h"

#include <rapidcheck/catch.h>

#include <catch2/catch.hpp>
#include <unordered_set>

namespace forebay {
namespace {

using namespace std::string_literals;

constexpr std::string_view kHex = "101112131415161718191a1b1c1d1e1f";

TEST_CASE("NumbersOfDifferentMeaningDoNotMix") {
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Sequence, ProducerSequence>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<std::uint64_t, Sequence>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Incarnation, BootId>);
  CHECK(Sequence{3} < Sequence{4});
  CHECK(Sequence{3} + 2 == Sequence{5});
  CHECK(Sequence{3} - 2 == Sequence{1});
}

TEST_CASE("AnIdIsThirtyTwoHexDigits") {
  const auto id = Incarnation::from_hex(kHex);
  REQUIRE(id.has_value());
  CHECK(id->hex() == kHex);
  CHECK(id->view() == "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f");
  CHECK(Incarnation::from_hex("101112131415161718191A1B1C1D1E1F") == *id);
  CHECK(Incarnation::from_bytes(id->view()) == *id);
}

TEST_CASE("WhatIsNoIdIsRefused") {
  const auto text =
      GENERATE(""s, "10"s, std::string(31, '0'), std::string(33, '0'), std::string(31, '0') + "g",
               std::string(31, '0') + " ", "0x" + std::string(30, '0'), std::string(1 << 20, 'x'));
  const auto id = BootId::from_hex(text);
  REQUIRE_FALSE(id.has_value());
  CHECK(id.error().code == ErrorCode::kBadInput);
  CHECK(id.error().message.size() < 256);
  CHECK_FALSE(BootId::from_bytes(std::string(15, 'x')).has_value());
  CHECK_FALSE(BootId::from_bytes(std::string(17, 'x')).has_value());
}

TEST_CASE("RandomIdsAreNeitherNoneNorTheSame") {
  std::unordered_set<InstanceId, RandomIdHash> seen;
  for (int i = 0; i < 1000; ++i) {
    const InstanceId id = InstanceId::random();
    CHECK_FALSE(id.none());
    CHECK(seen.insert(id).second);
  }
  CHECK(InstanceId{}.none());
}

TEST_CASE("ATokenIsIncarnationAndSequence") {
  const Position position{*Incarnation::from_hex(kHex), Sequence{4711}};
  CHECK(position.token() == std::string(kHex) + ":4711");
  CHECK(Position::from_token(position.token()) == position);
  const Position last{position.incarnation, Sequence{UINT64_MAX}};
  CHECK(last.token().ends_with(":18446744073709551615"));
  CHECK(Position::from_token(last.token()) == last);
  rc::prop("tokens round trip", [&](std::uint64_t sequence) {
    const Position any{position.incarnation, Sequence{sequence}};
    RC_ASSERT(Position::from_token(any.token()) == any);
  });
}

TEST_CASE("AProducerIsSixteenHexDigitsAsText") {
  CHECK(hex(ProducerId{1}) == "0000000000000001");
  CHECK(hex(ProducerId{UINT64_MAX - 1}) == "fffffffffffffffe");
}

TEST_CASE("WhatIsNoTokenIsRefused") {
  const std::string hex(kHex);
  const auto text =
      GENERATE_COPY(""s, ":"s, hex, hex + ":", ":1"s, hex + ":x", hex + ":-1", hex + ":+1",
                    hex + ": 1", hex + ":1 ", hex + ":1:", hex + "::1", hex + ":0x1", hex + ":1.0",
                    hex + ":18446744073709551616", hex.substr(1) + ":1", std::string(1 << 20, 'x'));
  INFO(text.substr(0, 80));
  const auto position = Position::from_token(text);
  REQUIRE_FALSE(position.has_value());
  CHECK(position.error().code == ErrorCode::kBadInput);
  CHECK(position.error().message.size() < 256);
}

TEST_CASE("NamesAreSafeAsFilesTopicsAndLabels") {
  const auto good =
      GENERATE("a"s, "0"s, "inventory"s, "sourcing-1"s, "a.b_c-d"s, "a-"s, std::string(64, 'z'));
  CHECK(is_name(good));
}

TEST_CASE("OtherNamesAreRefused") {
  const auto bad = GENERATE(""s, "."s, ".."s, "-a"s, "_a"s, ".a"s, "A"s, "aB"s, "a b"s, "a/b"s,
                            "a\0b"s, "a\n"s, "ä"s, "a:b"s, "a*"s, std::string(65, 'z'));
  INFO(bad);
  CHECK_FALSE(is_name(bad));
}

}  // namespace
}  // namespace forebay
