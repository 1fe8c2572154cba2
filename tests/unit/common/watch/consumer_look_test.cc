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

  Findings findings() const { return look.look({{"consumer", "billing"}, {"streams", {stream}}}); }
  std::vector<std::string> alerts() const {
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
  CHECK(f.findings().line == "1 streams, greatest lag 3");
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
