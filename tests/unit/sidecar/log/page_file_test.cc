#include "sidecar/log/page_file.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/damaged_log.h"

namespace forebay {
namespace {

TEST_CASE("OfMuchDamageAllIsCountedAndOnlySoMuchIsTold") {
  test::MadeLog made;
  make_log(made, 1);
  const auto file = PageFile::open(made.file());
  REQUIRE(file.has_value());
  TreeWalk walk(*file);
  for (std::size_t i = 1; i <= limits::kDamageTextsMax + 50; ++i) {
    walk.damage(i, "it is damaged");
    CHECK(walk.damaged() == i);
    CHECK(walk.damage().size() == std::min(i, limits::kDamageTextsMax));
    CHECK(walk.gave_up() == (i >= limits::kDamageTextsMax));
  }
}

}  // namespace
}  // namespace forebay
