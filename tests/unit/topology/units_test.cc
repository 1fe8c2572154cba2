#include "topology/units.h"

#include <catch2/catch.hpp>

namespace forebay {
namespace {

using namespace std::chrono_literals;

TEST_CASE("DurationsAndSizesSurviveBeingWrittenAndReadAgain") {
  for (Nanoseconds duration : {Nanoseconds(1ms), Nanoseconds(1500ms), Nanoseconds(60s),
                               Nanoseconds(90 * 24h), Nanoseconds(100'000 * 24h)}) {
    CHECK(parse_duration(format_duration(duration)) == duration);
  }
  for (std::uint64_t bytes : {std::uint64_t{1}, std::uint64_t{1025}, std::uint64_t{512} << 20,
                              std::uint64_t{8191} << 50, (std::uint64_t{1} << 63) - 1}) {
    CHECK(parse_size(format_size(bytes)) == bytes);
  }
  CHECK(format_duration(90 * 24h) == "90d");
  CHECK(format_duration(1500ms) == "1500ms");
  CHECK(format_size(std::uint64_t{8} << 30) == "8GiB");
}

TEST_CASE("OnlyAWholeNumberAndAUnitIsADurationOrSize") {
  for (const char* text : {"", "5", "s", "5 s", " 5s", "5s ", "-5s", "+5s", "1.5s", "5S", "0s",
                           "5us", "100001d", "99999999999999999999d"}) {
    CHECK_FALSE(parse_duration(text));
  }
  for (const char* text :
       {"", "5", "B", "5 B", "-5B", "8GB", "8gib", "0B", "8388608TiB", "99999999999999999999B"}) {
    CHECK_FALSE(parse_size(text));
  }
}

TEST_CASE("TheMessageSaysHowToWriteIt") {
  CHECK(parse_duration("5").error().message ==
        "'5' is not a duration; write a whole number and ms, s, m, h or d, e.g. \"250ms\" or "
        "\"90d\"");
}

}  // namespace
}  // namespace forebay
