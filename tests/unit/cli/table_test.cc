#include "cli/table.h"

#include <catch2/catch.hpp>

namespace forebay {
namespace {

TEST_CASE("ColumnsAreAsWideAsTheirWidestCellAndEmptyCellsShow") {
  CHECK(aligned({{"STREAM", "HEAD"}, {"inventory", "12"}, {"x", ""}}) ==
        "STREAM     HEAD\n"
        "inventory  12\n"
        "x          -\n");
  CHECK(aligned({}) == "");
}

TEST_CASE("ControlCharactersDoNotReachATerminal") {
  CHECK(aligned({{"\x1b[2J", "a\nb\x7f", "é"}}) == "?[2J  a?b?  é\n");
}

}  // namespace
}  // namespace forebay
