#include "cli/command_output.h"

#include <catch2/catch.hpp>

namespace forebay {
namespace {

using std::chrono::seconds;

TEST_CASE("WhatAProgramPrintsIsReadToItsEnd") {
  const auto output =
      output_of({"sh", "-c", "echo one; echo two; echo three >&2"}, 100, seconds(30));
  REQUIRE(output.has_value());
  CHECK(output->text == "one\ntwo\n");
  CHECK(output->said == "three");
  CHECK_FALSE(output->cut);
  // It has nothing to read.
  CHECK(output_of({"cat"}, 100, seconds(30))->text.empty());
}

TEST_CASE("OfALongOutputTheLastWholeLinesAreKept") {
  const auto output = output_of({"seq", "1", "200000"}, 20, seconds(30));
  REQUIRE(output.has_value());
  CHECK(output->text == "199999\n200000\n");
  CHECK(output->cut);
  // A line that is longer than what is kept is none.
  CHECK(output_of({"printf", "%0100d\\n", "7"}, 20, seconds(30))->text.empty());
}

TEST_CASE("AProgramThatIsNotThereFailsOrTakesTooLongIsAnError") {
  CHECK(output_of({"forebay-there-is-no-such"}, 100, seconds(30)).error().code ==
        ErrorCode::kNotFound);
  CHECK(output_of({"false"}, 100, seconds(30)).error().code == ErrorCode::kIo);
  CHECK(output_of({"sh", "-c", "kill -9 $$"}, 100, seconds(30)).error().code == ErrorCode::kIo);
  CHECK(output_of({"sh", "-c", "echo one; echo why >&2; echo >&2; exit 1"}, 100, seconds(30))
            .error()
            .message == "sh failed: why");
  // Of much that is said only the end is kept, and none of it holds the program up.
  CHECK(output_of({"sh", "-c", "seq 1 200000 >&2; exit 1"}, 100, seconds(30)).error().message ==
        "sh failed: 200000");
  CHECK(output_of({"sleep", "1000"}, 100, std::chrono::milliseconds(50)).error().code ==
        ErrorCode::kTimeout);
}

}  // namespace
}  // namespace forebay
