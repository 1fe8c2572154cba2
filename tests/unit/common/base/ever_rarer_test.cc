#include "common/base/ever_rarer.h"

#include <catch2/catch.hpp>
#include <vector>

namespace forebay {
namespace {

TEST_CASE("OfEachKindAFewOfManyAreWorthALine") {
  EverRarer rarer;
  std::vector<std::uint64_t> said;
  for (int i = 0; i < 100; ++i) {
    if (const auto count = rarer.next("a")) said.push_back(*count);
  }
  CHECK(said == std::vector<std::uint64_t>{1, 2, 4, 8, 16, 32, 64});
  CHECK(rarer.next("b") == 1);
}

TEST_CASE("KindsBeyondTheirBoundCountAsOne") {
  EverRarer rarer;
  std::size_t lines = 0;
  for (std::size_t i = 0; i < 64 * limits::kRareKindsMax; ++i)
    lines += rarer.next("kind " + std::to_string(i)) ? 1 : 0;
  CHECK(lines > limits::kRareKindsMax);
  CHECK(lines < limits::kRareKindsMax + 20);
  CHECK(rarer.next("kind 0") == 2);  // one of the first is still known
}

}  // namespace
}  // namespace forebay
