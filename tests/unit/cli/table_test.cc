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

}  // namespace
}  // namespace forebay
