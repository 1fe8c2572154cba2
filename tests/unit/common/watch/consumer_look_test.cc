#include "common/watch/consumer_look.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/manual_clock.h"

namespace forebay {
namespace {

using std::chrono::seconds;

struct LookFixture {
  ManualClock clock;
  ConsumerLook look{clock, seconds(1)};
  Json stream{{"stream", "orders"}, {"state", "LIVE"}, {"cursor", 5},
              {"head", 8},          {"lag", 3},        {"lost", 0},
              {"failed", 0},        {"age_ms", 40},    {"beacon_overdue_ms", 0}};

  Findings findings() { return look.look({{"consumer", "billing"}, {"streams", {stream}}}); }
  std::vector<std::string> alerts() {
    std::vector<std::string> names;
    for (const Condition& condition : findings().conditions) names.push_back(condition.alert);
    return names;
  }
};

TEST_CASE("AConsumersMetricsAreThoseOfItsStreams") {
  LookFixture f;
  f.stream["lost"] = 2;
  f.stream["failed"] = 4;
  const std::string text = f.findings().metrics.text();
  const std::string of = "{consumer=\"billing\",stream=\"orders\"} ";
  for (const std::string metric : {"cursor", "known_head", "lag_events", "lost", "failed"})
    CHECK_THAT(text, Catch::Contains("forebay_" + metric + of));
  CHECK_THAT(text, Catch::Contains("forebay_cursor" + of + "5\n"));
  CHECK_THAT(text, Catch::Contains("forebay_known_head" + of + "8\n"));
  CHECK_THAT(text, Catch::Contains("forebay_lag_events" + of + "3\n"));
  CHECK_THAT(text, Catch::Contains("forebay_lost" + of + "2\n"));
  CHECK_THAT(text, Catch::Contains("forebay_failed" + of + "4\n"));
  CHECK_THAT(text, Catch::Contains("forebay_age_seconds" + of + "0.04\n"));
}

TEST_CASE("TheStatusLineOfAConsumerSaysHowFarItIsRateAndLag") {
  LookFixture f;
  Json other = f.stream;
  other["stream"] = "items";
  other["cursor"] = other["head"] = 100;
  other["lag"] = 0;
  const auto line = [&] {
    return f.look.look({{"consumer", "billing"}, {"streams", {other, f.stream}}}).line;
  };
  CHECK(line() == "2 streams, 0 events/s, greatest lag 3: orders at 5 of 8");
  f.clock.advance(seconds(2));
  f.stream["cursor"] = f.stream["head"] = 25;
  f.stream["lag"] = 0;
  other["cursor"] = other["head"] = 180;
  CHECK(line() == "2 streams, 50 events/s, greatest lag 0: items at 180 of 180");
  // Another log's sequences are no events applied.
  f.clock.advance(seconds(2));
  f.stream["state"] = "DIVERGED";
  other["cursor"] = 3;
  CHECK(line() == "2 streams, 0 events/s, greatest lag 0: items at 3 of 180, DIVERGED");
  CHECK(f.look.look({{"consumer", "billing"}, {"streams", Json::array()}}).line ==
        "0 streams, 0 events/s, greatest lag 0");
}

TEST_CASE("ASidecarThatIsNotHeardOfIsAnAlertAlsoWhereItNeverWas") {
  LookFixture f;
  CHECK(f.alerts().empty());
  f.stream["beacon_overdue_ms"] = 1001;
  CHECK_THAT(f.findings().metrics.text(),
             Catch::Contains("forebay_beacon_overdue_seconds{consumer=\"billing\",stream="
                             "\"orders\"} 1.001\n"));
  CHECK(f.alerts() == std::vector<std::string>{"silent_beacon"});
  f.stream["beacon_overdue_ms"] = nullptr;
  CHECK(f.alerts().empty());
  // An idle stream's first beacon takes its time.
  f.clock.advance(limits::kFirstBeaconGrace + seconds(1));
  CHECK(f.alerts().empty());
  f.clock.advance(std::chrono::milliseconds(1));
  CHECK(f.alerts() == std::vector<std::string>{"silent_beacon"});
}

TEST_CASE("AStreamThatDivergedIsAnAlert") {
  LookFixture f;
  f.stream["state"] = "DIVERGED";
  CHECK(f.alerts() == std::vector<std::string>{"diverged"});
  CHECK_THAT(f.findings().metrics.text(), Catch::Contains("forebay_diverged{consumer=\"billing\","
                                                          "stream=\"orders\"} 1\n"));
}

TEST_CASE("AConsumerThatHasNothingAndHearsNothingIsNotReady") {
  LookFixture f;
  CHECK(f.findings().not_ready.empty());
  f.stream["cursor"] = 0;
  f.stream["beacon_overdue_ms"] = nullptr;
  CHECK(f.findings().not_ready.size() == 1);
}

}  // namespace
}  // namespace forebay
