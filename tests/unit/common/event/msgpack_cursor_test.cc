#include "common/event/msgpack_cursor.h"

#include <rapidcheck/catch.h>

#include <catch2/catch.hpp>
#include <limits>
#include <msgpack.hpp>
#include <sstream>

#include "common/base/limits.h"
#include "tests/support/memory.h"

namespace forebay {
namespace {

using namespace std::string_literals;

template <class T>
std::string packed_value(const T& value) {
  std::ostringstream out;
  msgpack::pack(out, value);
  return out.str();
}

TEST_CASE("IntegersOfEveryWidthAreReadExactly") {
  for (int power = 0; power < 64; ++power) {
    for (const std::int64_t near : {-2, -1, 0, 1, 2}) {
      const auto up =
          static_cast<std::int64_t>((std::uint64_t{1} << power) + static_cast<std::uint64_t>(near));
      for (const std::int64_t value : {up, up == INT64_MIN ? up : -up}) {
        const std::string bytes = packed_value(value);
        MsgpackCursor cursor(bytes);
        CHECK(cursor.integer() == value);
        CHECK(cursor.at_end());
      }
    }
  }
  rc::prop("any int64", [](std::int64_t value) {
    RC_ASSERT(MsgpackCursor(packed_value(value)).integer() == value);
  });
}

TEST_CASE("AnIntegerInAWiderFormThanItNeedsIsTheSame") {
  CHECK(MsgpackCursor("\xcc\x05"s).integer() == 5);
  CHECK(MsgpackCursor("\xcd\x00\x05"s).integer() == 5);
  CHECK(MsgpackCursor("\xce\x00\x00\x00\x05"s).integer() == 5);
  CHECK(MsgpackCursor("\xcf\x00\x00\x00\x00\x00\x00\x00\x05"s).integer() == 5);
  CHECK(MsgpackCursor("\xd0\xff"s).integer() == -1);
  CHECK(MsgpackCursor("\xd1\xff\xff"s).integer() == -1);
  CHECK(MsgpackCursor("\xd2\xff\xff\xff\xff"s).integer() == -1);
  CHECK(MsgpackCursor("\xd3\xff\xff\xff\xff\xff\xff\xff\xff"s).integer() == -1);
  CHECK(MsgpackCursor("\xd1\x00\x80"s).integer() == 128);
}

TEST_CASE("AnIntegerThatInt64DoesNotHoldIsNone") {
  for (const std::uint64_t value : {std::uint64_t{1} << 63, UINT64_MAX}) {
    const std::string bytes = packed_value(value);
    MsgpackCursor cursor(bytes);
    CHECK_FALSE(cursor.integer().has_value());
    CHECK(cursor.offset() == 0);
    CHECK(cursor.any() == bytes);
  }
}

TEST_CASE("TextOfEveryWidthIsReadInPlace") {
  for (const std::size_t size : {0, 1, 31, 32, 255, 256, 65535, 65536}) {
    const std::string text(size, 't');
    const std::string bytes = packed_value(text) + "\xc0";
    MsgpackCursor cursor(bytes);
    const auto read = cursor.text();
    REQUIRE(read.has_value());
    CHECK(*read == text);
    CHECK(read->end() == std::string_view(bytes).end() - 1);
    CHECK(cursor.nil());
    CHECK(cursor.at_end());
    // A byte short, the cursor stays where it is.
    MsgpackCursor cut(std::string_view(bytes).substr(0, bytes.size() - 2));
    if (size > 0) CHECK_FALSE(cut.text().has_value());
    if (size > 0) CHECK(cut.offset() == 0);
  }
}

TEST_CASE("HeadersOfEveryWidthAreRead") {
  for (const std::size_t count : {0, 1, 15, 16, 255, 256, 65535, 65536}) {
    const std::string array = packed_value(std::vector<int>(count, 1));
    MsgpackCursor elements(array);
    CHECK(elements.array() == count);
    for (std::size_t i = 0; i < count; ++i) REQUIRE(elements.integer() == 1);
    CHECK(elements.at_end());

    std::map<std::uint32_t, bool> entries;
    for (std::uint32_t i = 0; i < count; ++i) entries[i] = i % 2 == 0;
    const std::string map = packed_value(entries);
    MsgpackCursor pairs(map);
    CHECK(pairs.map() == count);
    for (std::uint32_t i = 0; i < count; ++i) {
      REQUIRE(pairs.integer() == i);
      REQUIRE(pairs.boolean() == (i % 2 == 0));
    }
    CHECK(pairs.at_end());
  }
}

TEST_CASE("ADeclaredCountThatTheBytesCannotHoldIsNone") {
  const auto bytes =
      GENERATE("\x91"s, "\x81\xc0"s, "\xdc\x00\x02\xc0"s, "\xde\x00\x01\xc0"s,
               "\xdd\xff\xff\xff\xff"s, "\xdf\xff\xff\xff\xff"s, "\xdf\x80\x00\x00\x00\xc0"s,
               "\xdc"s, "\xdc\x00"s, "\xdd\x00\x00\x00"s, "\xde\x00"s, "\xdf\x00\x00\x00"s);
  MsgpackCursor cursor(bytes);
  CHECK_FALSE(cursor.array().has_value());
  CHECK_FALSE(cursor.map().has_value());
  CHECK_FALSE(cursor.any().has_value());
  CHECK(cursor.offset() == 0);
}

TEST_CASE("EachReaderTakesItsOwnKindOnly") {
  for (int tag = 0; tag < 256; ++tag) {
    const std::string bytes = static_cast<char>(tag) + std::string(40, '\0');
    INFO("tag " << tag);
    const bool is_text = (tag >= 0xa0 && tag <= 0xbf) || (tag >= 0xd9 && tag <= 0xdb);
    const bool is_integer = tag <= 0x7f || tag >= 0xe0 || (tag >= 0xcc && tag <= 0xd3);
    CHECK(MsgpackCursor(bytes).text().has_value() == is_text);
    CHECK(MsgpackCursor(bytes).integer().has_value() == is_integer);
    CHECK(MsgpackCursor(bytes).array().has_value() ==
          ((tag >= 0x90 && tag <= 0x9f) || tag == 0xdc || tag == 0xdd));
    CHECK(MsgpackCursor(bytes).map().has_value() ==
          ((tag >= 0x80 && tag <= 0x8f) || tag == 0xde || tag == 0xdf));
    CHECK(MsgpackCursor(bytes).boolean().has_value() == (tag == 0xc2 || tag == 0xc3));
    CHECK(MsgpackCursor(bytes).nil() == (tag == 0xc0));
    CHECK(MsgpackCursor(bytes).any().has_value() == (tag != 0xc1));
  }
  CHECK(MsgpackCursor("\xc2").boolean() == false);
  CHECK(MsgpackCursor("\xc3").boolean() == true);
}

TEST_CASE("NothingIsReadPastTheEnd") {
  MsgpackCursor cursor("");
  CHECK(cursor.at_end());
  CHECK_FALSE(cursor.array().has_value());
  CHECK_FALSE(cursor.map().has_value());
  CHECK_FALSE(cursor.text().has_value());
  CHECK_FALSE(cursor.integer().has_value());
  CHECK_FALSE(cursor.boolean().has_value());
  CHECK_FALSE(cursor.nil());
  CHECK_FALSE(cursor.any().has_value());
}

TEST_CASE("AnyValueIsPassedOverWhole") {
  const std::string first =
      packed_value(std::map<std::string, std::vector<double>>{{"a", {1, 2}}, {"b", {}}});
  const std::string bytes = first + packed_value("next"s);
  MsgpackCursor cursor(bytes);
  CHECK(cursor.any() == first);
  CHECK(cursor.text() == "next");
  CHECK(cursor.at_end());
}

TEST_CASE("ValuesNestSixteenDeepAndNoDeeper") {
  const auto nested = [](std::size_t levels, const std::string& inner) {
    return std::string(levels, '\x91') + inner;
  };
  const std::size_t most = limits::kMsgpackDepthMax;
  CHECK(MsgpackCursor(nested(most, "\xc0")).any().has_value());
  CHECK(MsgpackCursor(nested(most - 1, "\x90")).any().has_value());
  CHECK(MsgpackCursor(nested(most - 1, "\x80")).any().has_value());
  CHECK_FALSE(MsgpackCursor(nested(most + 1, "\xc0")).any().has_value());
  CHECK_FALSE(MsgpackCursor(nested(most, "\x90")).any().has_value());
  CHECK_FALSE(MsgpackCursor(nested(most, "\x80")).any().has_value());
  std::string siblings = "\xdc\x01\x00"s;
  for (int i = 0; i < 256; ++i) siblings += nested(most - 1, "\xc0");
  CHECK(MsgpackCursor(siblings).any().has_value());
}

TEST_CASE("BombsAreRefusedWithoutMemory") {
  const std::size_t before = test::peak_memory_bytes();
  const auto bomb =
      GENERATE("\xdd\xff\xff\xff\xff"s, "\xdf\xff\xff\xff\xff"s, "\xdb\xff\xff\xff\xff"s,
               "\xc6\xff\xff\xff\xff"s, "\xc9\xff\xff\xff\xff\x01"s, std::string(100'000, '\x91'),
               std::string(100'000, '\xdd'), std::string(100'000, '\xdf'),
               "\xdd\x00\x01\x00\x00"s + std::string(65'535, '\x91'));
  CHECK_FALSE(MsgpackCursor(bomb).any().has_value());
  CHECK(test::peak_memory_bytes() - before < (16 << 20));
}

TEST_CASE("RandomBytesMoveTheCursorForwardOnlyByWhatIsThere") {
  const auto take = [](MsgpackCursor& cursor, unsigned reader) {
    switch (reader % 7) {
      case 0:
        return cursor.array().has_value();
      case 1:
        return cursor.map().has_value();
      case 2:
        return cursor.text().has_value();
      case 3:
        return cursor.integer().has_value();
      case 4:
        return cursor.boolean().has_value();
      case 5:
        return cursor.nil();
      default:
        return cursor.any().has_value();
    }
  };
  rc::prop("any run of readers", [&](const std::string& bytes, const std::vector<unsigned>& run) {
    MsgpackCursor cursor(bytes);
    for (const unsigned reader : run) {
      const std::size_t before = cursor.offset();
      const bool took = take(cursor, reader);
      RC_ASSERT((cursor.offset() > before) == took);
      RC_ASSERT(cursor.offset() <= bytes.size());
    }
  });
}

}  // namespace
}  // namespace forebay
