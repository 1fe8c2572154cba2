#include "cli/children.h"

#include <catch2/catch.hpp>

#include "topology/load.h"

namespace forebay {
namespace {

Topology two_hosts() {
  auto topology = parse_topology(R"(
[topology]
name = "t"
[hosts.a]
[hosts.b]
base_port = 7500
[nodes.stock-feed]
kind = "feed"
host = "a"
publishes = ["stock"]
source = "-"
[nodes.audit]
kind = "service"
host = "a"
subscribes = ["stock"]
[nodes.sourcing-1]
kind = "sourcing"
host = "b"
subscribes = ["stock"]
[sidecars.stock]
host = "a"
streams = { stock = {} }
)",
                                 "/srv");
  REQUIRE(topology);
  return *topology;
}

UpRequest request(const std::string& host, std::vector<std::string> only = {}) {
  return {"t.toml", "/opt/bin", host, std::move(only)};
}

TEST_CASE("UpRunsTheSidecarsAndNodesOfTheFirstHost") {
  const auto children = children_of(two_hosts(), request(""));
  REQUIRE(children);
  REQUIRE(children->size() == 2);
  CHECK((*children)[0].command ==
        std::vector<std::string>{"/opt/bin/forebay-sidecar", "-t", "t.toml", "stock"});
  CHECK((*children)[0].stage == 0);
  CHECK_FALSE((*children)[0].reads_stdin);
  CHECK((*children)[1].command ==
        std::vector<std::string>{"/opt/bin/forebay-feed", "-t", "t.toml", "stock-feed"});
  CHECK((*children)[1].stage == 1);
  CHECK((*children)[1].reads_stdin);
}

TEST_CASE("UpRunsTheHostItIsTold") {
  const auto children = children_of(two_hosts(), request("b"));
  REQUIRE(children);
  REQUIRE(children->size() == 1);
  CHECK((*children)[0].command.front() == "/opt/bin/forebay-sourcing");
}

TEST_CASE("OnlyRestrictsUpToNames") {
  const auto children = children_of(two_hosts(), request("a", {"stock-feed"}));
  REQUIRE(children);
  REQUIRE(children->size() == 1);
  CHECK((*children)[0].name == "stock-feed");
}

TEST_CASE("NamesThatUpCannotStartAreRefusedWithTheMend") {
  const auto message = [](const UpRequest& asked) {
    const auto children = children_of(two_hosts(), asked);
    return children ? std::string() : children.error().message;
  };
  CHECK(message(request("c")) == "there is no host 'c'; known: 'a', 'b'");
  CHECK(message(request("a", {"stokc"})) ==
        "--only: host 'a' has no sidecar or node 'stokc'; did you mean 'stock'?");
  CHECK(message(request("b", {"stock"})) ==
        "--only: host 'b' has no sidecar or node 'stock'; known: 'sourcing-1'");
  CHECK(message(request("a", {"audit"})) ==
        "--only: 'audit' is a service: your own program, yours to start");
}

}  // namespace
}  // namespace forebay
