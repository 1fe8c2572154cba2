#include "cli/bench_report.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace forebay {
namespace {

using namespace std::chrono_literals;

TEST_CASE("ALatencyHasThreeDigitsThatCountAndTheUnitThatFits") {
  CHECK(latency_text(0ns) == "0.00us");
  CHECK(latency_text(87'400ns) == "87.4us");
  CHECK(latency_text(999'400ns) == "999us");
  CHECK(latency_text(999'600ns) == "1.00ms");
  CHECK(latency_text(1'834us) == "1.83ms");
  CHECK(latency_text(999'600us) == "1.00s");
  CHECK(latency_text(12'340ms) == "12.3s");
}

TEST_CASE("SettingsAreEchoedAndEachMeasurementIsARow") {
  const BenchSettings settings{
      "1.2.3", {2, "A Processor", "Linux 6.1"}, {{"ext4", "/dev/sda1"}, 3 << 20}, "/srv", 1000,
      250};
  CHECK(settings_text(settings) ==
        "version  1.2.3\n"
        "machine  2 cores, A Processor\n"
        "system   Linux 6.1\n"
        "disk     ext4 on /dev/sda1, 3.0 MiB free\n"
        "folder   /srv\n"
        "events   up to 1000 of 250 B\n"
        "sync     full\n");
  Latencies latencies;
  for (int i = 0; i < 100; ++i) latencies.add(100us);
  const std::vector<Measured> all{{"publish", 1000, 500ms, 250, {}},
                                  {"half speed", 100, 2s, 0, latencies}};
  CHECK(measured_text(all) ==
        "MEASURED    COUNT  SECONDS  RATE    MB/S  P50    P99    P99.9  MAX\n"
        "publish     1000   0.50     2000/s  0.5   -      -      -      -\n"
        "half speed  100    2.00     50/s    -     100us  100us  100us  100us\n");
  const Json json = bench_json(settings, all);
  CHECK(json["settings"]["free_bytes"] == 3 << 20);
  CHECK(json["publish"] ==
        Json{{"count", 1000}, {"seconds", 0.5}, {"per_second", 2000.0}, {"mb_per_second", 0.5}});
  CHECK(json["half_speed"]["p999_us"] == 100.0);
}

}  // namespace
}  // namespace forebay
