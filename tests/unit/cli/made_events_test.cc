#include "cli/made_events.h"

#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "common/event/event_codec.h"

namespace forebay {
namespace {

std::size_t encoded_size(std::size_t bytes, std::uint64_t number) {
  MadeEvents made(bytes);
  std::string encoded;
  const auto done = encode_event(made.event(number), SystemClock().wall(), encoded);
  return done ? encoded.size() : 0;
}

TEST_CASE("AMadeEventHasExactlyTheSizeAskedFor") {
  for (std::size_t bytes = MadeEvents::kBytesMin; bytes < 400; ++bytes) {
    REQUIRE(encoded_size(bytes, 7) == bytes);
  }
  for (const std::size_t bytes :
       {std::size_t{65'535}, std::size_t{65'600}, limits::kEventBytesMax}) {
    CHECK(encoded_size(bytes, 123'456'789'012) == bytes);
  }
}

TEST_CASE("MadeEventsAreToldApartByTheirSubject") {
  MadeEvents made(64);
  const std::string first = made.event(1).subject;
  CHECK(made.event(2).subject != first);
}

}  // namespace
}  // namespace forebay
