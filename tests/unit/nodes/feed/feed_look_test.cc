#include "nodes/feed/feed_look.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/manual_clock.h"

namespace forebay {
namespace {

TEST_CASE("TheStatusLineOfAFeedSaysRateAndWhatIsNotOnDiskYet") {
  ManualClock clock;
  FeedLook self(clock);
  Json report{{"feed", "lines"},    {"published", 10},           {"rejected", 1},
              {"acknowledged", 10}, {"unacknowledged_bytes", 0}, {"held", false}};
  CHECK(self.look(report).line ==
        "10 events published, 0 events/s, 0 bytes not on disk yet, 1 lines rejected");
  clock.advance(std::chrono::seconds(2));
  report["published"] = 110;
  report["unacknowledged_bytes"] = 4096;
  CHECK(self.look(report).line ==
        "110 events published, 50 events/s, 4096 bytes not on disk yet, 1 lines rejected");
  clock.advance(std::chrono::seconds(2));
  report["held"] = true;
  const Findings held = self.look(report);
  CHECK(held.line ==
        "110 events published, 0 events/s, 4096 bytes not on disk yet, 1 lines rejected, HELD");
  REQUIRE(held.conditions.size() == 1);
  CHECK(held.conditions[0].alert == "held");
  CHECK(held.not_ready.size() == 1);
}

}  // namespace
}  // namespace forebay
