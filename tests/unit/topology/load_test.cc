// What a topology says once it is read, and the files that come with Forebay.
#include "topology/load.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/base/limits.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

Topology loaded(std::string_view text) {
  auto topology = parse_topology(text, "/srv/shop");
  if (!topology) {
    for (const Problem& problem : topology.error()) UNSCOPED_INFO(problem.text("t"));
  }
  REQUIRE(topology);
  return *topology;
}

TEST_CASE("EveryShippedTopologyChecksClean") {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(FOREBAY_SOURCE_DIR) / "topology")) {
    if (entry.path().extension() != ".toml") continue;
    const auto topology = load_topology(entry.path().string());
    INFO(entry.path() << ": " << (topology ? "" : topology.error().message));
    CHECK(topology);
    ++files;
  }
  CHECK(files >= 2);
}

TEST_CASE("AMinimalTopologyGetsTheDefaults") {
  const Topology topology = loaded(
      "[topology]\nname = 't'\n[hosts.a]\n[sidecars.s]\nhost = 'a'\nstreams = { events = {} }\n");
  CHECK(topology.name == "t");
  CHECK(topology.state_dir == "/srv/shop/state");
  REQUIRE(topology.hosts.size() == 1);
  CHECK(topology.hosts[0].address == "127.0.0.1");
  CHECK(topology.hosts[0].base_port == 7400);
  REQUIRE(topology.sidecars.size() == 1);
  CHECK_FALSE(topology.sidecars[0].disk_max);
  CHECK_FALSE(topology.sidecars[0].streams[0].retention.age);
  CHECK_FALSE(topology.sidecars[0].streams[0].retention.bytes);
  CHECK(topology.nodes.empty());
  CHECK(topology.alerts.lag_events == 10'000);
  CHECK(topology.alerts.lag_age == 5s);
  CHECK(topology.alerts.beacon_silent == 1s);
  CHECK(topology.alerts.producer_silent == 3s);
  CHECK(topology.alerts.not_moving == 30s);
  CHECK(topology.alerts.disk_percent == 90);
  CHECK(topology.alerts.refusals == 100);
  CHECK(topology.alerts.exec.empty());
  CHECK(topology.hosts[0].metrics_address == "127.0.0.1");
  CHECK(topology.hosts[0].metrics_port == 7900);
  CHECK(topology.hosts[0].alerts.empty());
}

TEST_CASE("EveryKeyIsRead") {
  const Topology topology = loaded(R"(
[topology]
name = "shop"
state_dir = "../run/shop/"
[hosts.a]
address = "127.0.0.1"
base_port = 7400
[hosts.b]
address = "127.0.0.1"
base_port = 7500
[sidecars.stock]
host = "a"
disk_max = "16GiB"
[sidecars.stock.streams]
inventory = { retention = { age = "90d", bytes = "8GiB" } }
catalog = {}
[nodes.stock-feed]
kind = "feed"
host = "a"
publishes = ["inventory"]
source = "data/./stock.ndjson"
follow = true
[nodes.stdin]
kind = "feed"
host = "a"
publishes = ["catalog"]
source = "-"
[nodes.sourcing-1]
kind = "sourcing"
host = "b"
subscribes = ["catalog", { stream = "inventory", start = "latest" }]
[nodes.audit]
kind = "service"
host = "a"
subscribes = [{ stream = "inventory", start = "2026-03-01T01:00:00+01:00" }]
replay = true
[alerts]
lag_events = 7
lag_age = "1m"
beacon_silent = "1500ms"
producer_silent = "2h"
not_moving = "5m"
disk_percent = 80
refusals = 5
exec = "/usr/bin/page"
)");
  CHECK(topology.state_dir == "/srv/run/shop");
  CHECK(topology.host("b")->base_port == 7500);
  const Sidecar& stock = *topology.sidecar("stock");
  CHECK(stock.disk_max == std::uint64_t{16} << 30);
  REQUIRE(stock.streams.size() == 2);
  CHECK(stock.streams[0].name == "inventory");  // the order of the file, not of the alphabet
  CHECK(stock.streams[0].retention.age == 90 * 24h);
  CHECK(stock.streams[0].retention.bytes == std::uint64_t{8} << 30);
  const Node& feed = *topology.node("stock-feed");
  CHECK(feed.kind == NodeKind::kFeed);
  CHECK(feed.source == "/srv/shop/data/stock.ndjson");
  CHECK(feed.follow);
  CHECK(topology.node("stdin")->source == "-");
  const Node& sourcing = *topology.node("sourcing-1");
  REQUIRE(sourcing.subscribes.size() == 2);
  CHECK(sourcing.subscribes[0].stream == "catalog");
  CHECK(sourcing.subscribes[0].start == Start{});
  CHECK(sourcing.subscribes[1].stream == "inventory");
  CHECK(sourcing.subscribes[1].start == Start{Start::From::kLatest, {}});
  const Node& audit = *topology.node("audit");
  CHECK(audit.replay);
  CHECK(to_string(audit.subscribes[0].start) == "2026-03-01T00:00:00Z");
  CHECK(topology.alerts.lag_events == 7);
  CHECK(topology.alerts.lag_age == 1min);
  CHECK(topology.alerts.not_moving == 5min);
  CHECK(topology.alerts.disk_percent == 80);
  CHECK(topology.alerts.refusals == 5);
  CHECK(topology.alerts.exec == "/usr/bin/page");
  CHECK(topology.alerts.beacon_silent == 1500ms);
  CHECK(topology.alerts.producer_silent == 2h);
  CHECK(topology.owner_of("catalog") == &stock);
  CHECK(topology.owner_of("weather") == nullptr);
  CHECK(topology.node("weather") == nullptr);
}

TEST_CASE("AMissingFileIsAProblemWithItsMend") {
  const auto topology = load_topology("/nonexistent/topology.toml");
  REQUIRE_FALSE(topology);
  CHECK(topology.error().code == ErrorCode::kBadInput);
  CHECK(topology.error().message ==
        "/nonexistent/topology.toml: cannot read the topology: No such file or directory; name the "
        "file with -t FILE or $FOREBAY_TOPOLOGY");
  const auto folder = load_topology(FOREBAY_SOURCE_DIR);
  REQUIRE_FALSE(folder);
  CHECK(folder.error().message.find("it is a folder") != std::string::npos);
}

TEST_CASE("OfAFileTooLongToBeATopologyNoMoreIsReadThanThatTakes") {
  const test::TempDir dir;
  const std::string path = dir / "t.toml";
  std::ofstream(path) << std::string(3 * limits::kTopologyBytesMax, '\n');
  const auto topology = load_topology(path);
  REQUIRE_FALSE(topology);
  CHECK_THAT(topology.error().message,
             Catch::Contains("has " + std::to_string(limits::kTopologyBytesMax + 1) + " bytes"));
}

TEST_CASE("PathsAreTheSameWhicheverWayTheFileIsNamed") {
  char pattern[] = "/tmp/forebay-load-XXXXXX";
  const fs::path dir = ::mkdtemp(pattern);
  fs::create_directories(dir / "real/etc");
  fs::create_directory_symlink(dir / "real/etc", dir / "link");
  std::ofstream(dir / "real/etc/t.toml")
      << "[topology]\nname = 't'\nstate_dir = '../run'\n[hosts.a]\n[sidecars.s]\nhost = 'a'\n"
         "streams = { events = {} }\n";
  const auto direct = load_topology(dir / "real/etc/t.toml");
  const auto linked = load_topology(dir / "link/t.toml");
  const auto winding = load_topology(dir / "real/../real/etc/./t.toml");
  REQUIRE((direct && linked && winding));
  CHECK(direct->state_dir == (fs::canonical(dir) / "real/run").string());
  CHECK(linked->state_dir == direct->state_dir);
  CHECK(winding->state_dir == direct->state_dir);
  fs::remove_all(dir);
}

TEST_CASE("TheDefaultPathComesFromTheEnvironmentFirst") {
  ::setenv("FOREBAY_TOPOLOGY", "/somewhere/t.toml", 1);
  CHECK(default_topology_path() == "/somewhere/t.toml");
  ::unsetenv("FOREBAY_TOPOLOGY");
  CHECK(default_topology_path() == "/etc/forebay/topology.toml");
}

}  // namespace
}  // namespace forebay
