#include "common/event/msgpack_check.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "common/event/msgpack_reader.h"

namespace forebay {
namespace {

using namespace std::string_literals;

std::string pack(const nlohmann::json& json) {
  const auto bytes = nlohmann::json::to_msgpack(json);
  return {bytes.begin(), bytes.end()};
}

bool sound(const std::string& bytes) { return check_msgpack(bytes).has_value(); }

TEST_CASE("MsgpackOfEveryKindPasses") {
  CHECK(sound(pack(nullptr)));
  CHECK(sound(pack({{"a", {1, -1, 300, -300, 70000, -70000, 5000000000, -5000000000}},
                    {"b", {true, false, nullptr, 1.5, "text", std::string(300, 'x')}},
                    {"c", nlohmann::json::object()},
                    {"d", std::string(70000, 'y')}})));
  CHECK(sound("\xc4\x02zz"s));
  CHECK(sound("\xc7\x02\x05zz"s));
  CHECK(sound("\xd8\x05" + std::string(16, 'z')));
  CHECK(sound("\xca" + std::string(4, 'z')));
}

TEST_CASE("MsgpackCutShortAnywhereIsRefused") {
  const std::string whole =
      pack({{"a", {1, 300, "text", 1.5, std::string(40, 'x')}}, {"b", {{"c", -70000}}}});
  REQUIRE(sound(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    INFO("cut at " << size);
    CHECK_FALSE(sound(whole.substr(0, size)));
  }
  CHECK_FALSE(sound(whole + "\x01"));
  CHECK_FALSE(sound("\xc1"s));
}

TEST_CASE("MsgpackBombsAreRefused") {
  CHECK_FALSE(sound("\xdd\xff\xff\xff\xff"s));  // 4 Gi elements
  CHECK_FALSE(sound("\xdd\xff\x00\x00\x00"s + std::string(100, '\x01')));
  CHECK_FALSE(sound("\xdf\xff\xff\xff\xff"s + std::string(100, '\x01')));  // 4 Gi pairs
  CHECK_FALSE(sound("\xdf\x00\x00\x00\x33"s + std::string(101, '\x01')));  // 51 pairs in 101 bytes
  CHECK_FALSE(sound("\xdb\xff\xff\xff\xff"s));
  CHECK_FALSE(sound("\xc6\xff\xff\xff\xff"s));
  CHECK_FALSE(sound("\xc9\xff\xff\xff\xff\x01"s));
  CHECK_FALSE(sound(std::string(1 << 20, '\xdd')));
}

TEST_CASE("MsgpackNestsSixteenDeepAndNoDeeper") {
  CHECK(sound(std::string(16, '\x91') + "\xc0"));
  CHECK(sound(std::string(15, '\x91') + "\x90"));
  CHECK_FALSE(sound(std::string(17, '\x91') + "\xc0"));
  CHECK_FALSE(sound(std::string(16, '\x91') + "\x90"));
  CHECK_FALSE(sound(std::string(1 << 20, '\x91') + "\xc0"));
  // Siblings do not add up.
  std::string wide = "\xdc\x01\x00"s;
  for (int i = 0; i < 256; ++i) wide += std::string(15, '\x91') + "\xc0";
  CHECK(sound(wide));
}

TEST_CASE("ReaderGivesIntegersExactly") {
  for (const std::int64_t value :
       {std::int64_t{0}, std::int64_t{127}, std::int64_t{128}, std::int64_t{65536}, INT64_MAX,
        std::int64_t{-1}, std::int64_t{-33}, std::int64_t{-129}, std::int64_t{-40000}, INT64_MIN}) {
    const std::string bytes = pack(value);
    const auto token = MsgpackReader(bytes).next();
    REQUIRE(token.has_value());
    CHECK(token->kind == MsgpackKind::kInteger);
    CHECK(token->integer == value);
  }
  const std::string above = "\xcf\x80\0\0\0\0\0\0\0"s;
  CHECK(MsgpackReader(above).next()->kind == MsgpackKind::kUnsigned);
}

TEST_CASE("ReaderBelievesNoCountThatTheBytesCannotBear") {
  CHECK(MsgpackReader("\xdc\0\x05"s + std::string(5, '\x01')).next().has_value());
  CHECK_FALSE(MsgpackReader("\xdc\0\x05"s + std::string(4, '\x01')).next().has_value());
  CHECK(MsgpackReader("\x83" + std::string(6, '\x01')).next().has_value());
  CHECK_FALSE(MsgpackReader("\x83" + std::string(5, '\x01')).next().has_value());
}

TEST_CASE("ReaderPassesOverAWholeValue") {
  const std::string bytes = pack({{"a", {1, {2, 3}}}}) + pack(7);
  MsgpackReader reader(bytes);
  CHECK(reader.value() == pack({{"a", {1, {2, 3}}}}));
  CHECK(reader.next()->integer == 7);
  CHECK_FALSE(reader.next().has_value());
}

}  // namespace
}  // namespace forebay
