#include "common/base/printable.h"

#include <catch2/catch.hpp>

namespace forebay {
namespace {

TEST_CASE("ControlCharactersOfAnyLengthAreShownAsQuestionMarks") {
  CHECK(printable("a\nb\x1b[2J\x7f\t") == "a?b?[2J??");
  CHECK(printable({"\0", 1}) == "?");
  CHECK(printable("a\xc2\x9b"
                  "31m\xc2\x85") == "a?31m?");  // CSI and NEL
  CHECK(printable("a\nb\rc", '\n') == "a\nb?c");
}

TEST_CASE("WhatIsNoControlCharacterIsShownAsItIs") {
  CHECK(printable("Größe → 3 €, \xc2\xa0x") == "Größe → 3 €, \xc2\xa0x");
  CHECK(printable("\xc2") == "\xc2");
  CHECK(printable("") == "");
}

}  // namespace
}  // namespace forebay
