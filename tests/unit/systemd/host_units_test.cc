#include "systemd/host_units.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "topology/load.h"

namespace forebay {
namespace {

const std::string kPath = "/etc/forebay/topology.toml";

const std::string kTwoHosts = R"(
[topology]
name = "t"
state_dir = "/var/lib/forebay"
[hosts.a]
address = "127.0.0.1"
[hosts.b]
address = "127.0.0.2"
[sidecars.near]
host = "a"
streams = { near = {}, next = {} }
[sidecars.far]
host = "a"
streams = { far = { retention = { age = "1d" } } }
[sidecars.elsewhere]
host = "b"
streams = { elsewhere = {} }
[nodes.lines]
kind = "feed"
host = "a"
publishes = ["near"]
source = "/srv/lines.ndjson"
[nodes.answers]
kind = "sourcing"
host = "a"
subscribes = ["near", "far"]
[nodes.asks]
kind = "sourcing"
host = "a"
subscribes = ["near", "elsewhere"]
[nodes.own]
kind = "service"
host = "a"
publishes = ["next"]
[nodes.counter]
kind = "service"
host = "b"
subscribes = ["far"]
)";

const std::string kLoopback =
    "\n[Service]\nPrivateNetwork=no\nRestrictAddressFamilies=AF_INET\nIPAddressAllow=localhost\n";
const std::string kNetwork =
    "\n[Service]\nPrivateNetwork=no\nRestrictAddressFamilies=AF_INET\nIPAddressDeny=\n";

/// kTwoHosts with more said of host a.
std::string with(const std::string& line) {
  std::string text = kTwoHosts;
  return text.replace(text.find("address = "), 0, line + "\n");
}

Topology parsed(const std::string& text) {
  auto topology = parse_topology(text, "/");
  REQUIRE(topology);
  return *topology;
}

std::vector<std::string> paths(const std::vector<UnitFile>& files) {
  std::vector<std::string> paths;
  for (const UnitFile& file : files) paths.push_back(file.path);
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// What the drop-in of a unit of host a says beyond naming its source.
std::string drop_in(const Topology& topology, const std::string& unit) {
  const std::string head = "# Written by forebay-generator.\n[Unit]\nSourcePath=" + kPath + "\n";
  for (const UnitFile& file : units_of_host(topology, "a", kPath)) {
    if (file.path != unit + ".d/50-forebay.conf") continue;
    REQUIRE(file.text.substr(0, head.size()) == head);
    CHECK(!file.link);
    return file.text.substr(head.size());
  }
  return "none";
}

TEST_CASE("TheTargetWantsTheSidecarsAndNodesOfItsHostButNoServices") {
  using List = std::vector<std::string>;
  const Topology topology = parsed(kTwoHosts);
  CHECK(paths(units_of_host(topology, "b", kPath)) ==
        List{"forebay-sidecar@elsewhere.service.d/50-forebay.conf",
             "forebay.target.d/50-forebay.conf",
             "forebay.target.wants/forebay-sidecar@elsewhere.service"});
  List wanted;
  for (const UnitFile& file : units_of_host(topology, "a", kPath)) {
    if (file.link) wanted.push_back(file.path + " -> " + file.text);
  }
  const std::string units = "/usr/lib/systemd/system/forebay-";
  CHECK(
      wanted ==
      List{
          "forebay.target.wants/forebay-sidecar@near.service -> " + units + "sidecar@.service",
          "forebay.target.wants/forebay-sidecar@far.service -> " + units + "sidecar@.service",
          "forebay.target.wants/forebay-feed@lines.service -> " + units + "feed@.service",
          "forebay.target.wants/forebay-sourcing@answers.service -> " + units + "sourcing@.service",
          "forebay.target.wants/forebay-sourcing@asks.service -> " + units + "sourcing@.service"});
}

TEST_CASE("APublisherStartsAfterItsSidecarAndAConsumerAfterNobody") {
  const Topology topology = parsed(kTwoHosts);
  CHECK(drop_in(topology, "forebay-feed@lines.service") ==
        "After=forebay-sidecar@near.service\n" + kLoopback);
  CHECK(drop_in(topology, "forebay-sourcing@answers.service") == kLoopback);
  CHECK(drop_in(topology, "forebay.target").empty());
}

TEST_CASE("OnlyWhoTalksToOtherHostsGetsTheNetwork") {
  const Topology topology = parsed(kTwoHosts);
  CHECK(drop_in(topology, "forebay-sidecar@near.service") == kLoopback);
  CHECK(drop_in(topology, "forebay-sourcing@asks.service") == kNetwork);
  const std::string far = drop_in(topology, "forebay-sidecar@far.service");
  CHECK(far == "Wants=network-online.target\nAfter=network-online.target\n" + kNetwork);
}

TEST_CASE("PagesOnLoopbackOpenThatPagesElsewhereTheNetworkAndNoneNothing") {
  const Topology none = parsed(with("metrics_port = 0"));
  CHECK(drop_in(none, "forebay-sidecar@near.service").empty());
  CHECK(drop_in(none, "forebay-feed@lines.service") == "After=forebay-sidecar@near.service\n");
  CHECK(drop_in(none, "forebay-sourcing@answers.service").empty());
  const Topology elsewhere = parsed(with("metrics_address = \"10.0.0.1\""));
  CHECK(drop_in(elsewhere, "forebay-sidecar@near.service") == kNetwork);
  CHECK(drop_in(elsewhere, "forebay-sourcing@answers.service") == kNetwork);
}

TEST_CASE("ASidecarThatOperatorsReachFromElsewhereGetsTheNetwork") {
  const Topology topology = parsed(R"(
[topology]
name = "t"
state_dir = "/var/lib/forebay"
[hosts.a]
[sidecars.one]
host = "a"
streams = { one = {} }
[keys]
one = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
[operators]
alice = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
)");
  CHECK_THAT(drop_in(topology, "forebay-sidecar@one.service"), Catch::Contains("IPAddressDeny=\n"));
}

TEST_CASE("TheHostIsTheOneInTheFileElseOfTheMachinesNameElseTheOnlyOne") {
  const Topology two = parsed(kTwoHosts);
  const std::string file = "/etc/forebay/host";
  CHECK(this_host(two, "b", file, "a") == "b");
  CHECK(this_host(two, std::nullopt, file, "a") == "a");
  const Topology one = parsed(
      "[topology]\nname = \"t\"\nstate_dir = \"/s\"\n[hosts.a]\n[sidecars.x]\nhost = \"a\"\n"
      "streams = { x = {} }\n");
  CHECK(this_host(one, std::nullopt, file, "web-17") == "a");
}

TEST_CASE("AHostThatCannotBeToldIsAnErrorThatSaysWhatToWriteWhere") {
  const Topology two = parsed(kTwoHosts);
  const std::string file = "/etc/forebay/host";
  const auto unknown = this_host(two, "c", file, "a");
  REQUIRE(!unknown);
  CHECK(unknown.error().message ==
        "/etc/forebay/host: the topology has no host 'c'; known: 'a', 'b'");
  const auto open = this_host(two, std::nullopt, file, "web-17");
  REQUIRE(!open);
  CHECK_THAT(open.error().message,
             Catch::Contains("it is called 'web-17'") &&
                 Catch::Contains("write the host's name into /etc/forebay/host (known: 'a', 'b')"));
  const auto empty = this_host(two, "", file, "a");
  REQUIRE(!empty);
  CHECK(empty.error().message.starts_with("/etc/forebay/host: the topology has no host ''"));
}

}  // namespace
}  // namespace forebay
