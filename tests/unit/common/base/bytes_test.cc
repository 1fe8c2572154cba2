#include "common/base/bytes.h"

#include <catch2/catch.hpp>

namespace forebay {
namespace {

using namespace std::string_literals;

TEST_CASE("IntegersAreStoredLeastByteFirst") {
  std::string out;
  append_le(out, std::uint32_t{0x01020304});
  append_le(out, std::uint64_t{0x0102030405060708});
  append_le(out, std::int64_t{-2});
  append_le(out, std::uint8_t{9});
  CHECK(out ==
        "\x04\x03\x02\x01\x08\x07\x06\x05\x04\x03\x02\x01\xfe\xff\xff\xff\xff\xff\xff\xff\x09"s);
  CHECK(load_le<std::uint32_t>(out.data()) == 0x01020304);
  CHECK(load_le<std::uint64_t>(out.data() + 4) == 0x0102030405060708);
  CHECK(load_le<std::int64_t>(out.data() + 12) == -2);
}

TEST_CASE("HexHasTwoLowerCaseDigitsAByte") {
  CHECK(to_hex("").empty());
  CHECK(to_hex("\0\x0f\xf0\xff\x7f"s) == "000ff0ff7f");
}

TEST_CASE("ChecksumIsXxh3WithSeedZero") {
  CHECK(checksum("") == 0x2d06800538d394c2);  // published values of XXH3-64
  CHECK(checksum("a") == 0xe6c632b61e964e1f);
  CHECK(checksum("abc") == 0x78af5f94892f3950);
}

}  // namespace
}  // namespace forebay
