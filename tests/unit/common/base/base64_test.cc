#include "common/base/base64.h"

#include <rapidcheck/catch.h>

#include <catch2/catch.hpp>

namespace forebay {
namespace {

using namespace std::string_literals;

TEST_CASE("Base64GivesTheVectorsOfRfc4648") {
  const auto [bytes, text] = GENERATE(table<std::string, std::string>({{"", ""},
                                                                       {"f", "Zg=="},
                                                                       {"fo", "Zm8="},
                                                                       {"foo", "Zm9v"},
                                                                       {"foob", "Zm9vYg=="},
                                                                       {"fooba", "Zm9vYmE="},
                                                                       {"foobar", "Zm9vYmFy"},
                                                                       {"\xfb\xff\xbf", "+/+/"},
                                                                       {"\0\0\0"s, "AAAA"}}));
  CHECK(to_base64(bytes) == text);
  CHECK(from_base64(text) == bytes);
}

TEST_CASE("AnythingButPaddedBase64IsRefused") {
  const auto text =
      GENERATE("A"s, "AA"s, "AAA"s, "AAAAA"s, "===="s, "A==="s, "=AAA"s, "A=AA"s, "AA=A"s,
               "AA==AAAA"s, "AAA=AAAA"s, "AA-_"s, "AA A"s, "AAA\n"s, "AAA\0"s, "AAA\x80"s);
  INFO(text);
  const auto decoded = from_base64(text);
  REQUIRE_FALSE(decoded.has_value());
  CHECK(decoded.error().code == ErrorCode::kBadInput);
}

TEST_CASE("AByteStringHasOneBase64Text") {
  // The bits past the last byte would be dropped: a text that sets them is not what to_base64
  // makes.
  CHECK_FALSE(from_base64("Zh==").has_value());
  CHECK_FALSE(from_base64("Zm9=").has_value());
}

TEST_CASE("Base64RoundTrips") {
  rc::prop("any bytes come back", [](const std::string& bytes) {
    const std::string text = to_base64(bytes);
    RC_ASSERT(text.size() == (bytes.size() + 2) / 3 * 4);
    RC_ASSERT(from_base64(text) == bytes);
  });
  rc::prop("what is read back is the one text of its bytes", [](const std::string& text) {
    const auto bytes = from_base64(text);
    if (bytes) RC_ASSERT(to_base64(*bytes) == text);
  });
}

}  // namespace
}  // namespace forebay
