#include "topology/endpoints.h"

#include <catch2/catch.hpp>

#include "topology/load.h"

namespace forebay {
namespace {

const std::string kTwoHosts = R"(
[topology]
name = "t"
state_dir = "/run/t"
[hosts.a]
base_port = 7400
[hosts.b]
base_port = 7500
[sidecars.near]
host = "a"
streams = { near = {} }
[sidecars.far]
host = "a"
streams = { far = {}, farther = {} }
[nodes.sourcing-1]
kind = "sourcing"
host = "b"
subscribes = ["farther"]
[nodes.local]
kind = "service"
host = "a"
subscribes = ["near", "far"]
)";

Topology parsed(const std::string& text) {
  auto topology = parse_topology(text, "/");
  REQUIRE(topology);
  return *topology;
}

using List = std::vector<std::string>;

TEST_CASE("ASidecarWithoutRemoteConsumersBindsIpcOnly") {
  const Topology topology = parsed(kTwoHosts);
  const SidecarEndpoints near = bind_endpoints(topology, *topology.sidecar("near"));
  CHECK(near.ingest == List{"ipc:///run/t/near/ingest.sock"});
  CHECK(near.control == List{"ipc:///run/t/near/control.sock"});
  CHECK(near.broadcast == List{"ipc:///run/t/near/broadcast.sock"});
}

TEST_CASE("ARemoteConsumerMakesItsSidecarBindTcp") {
  const Topology topology = parsed(kTwoHosts);
  const SidecarEndpoints far = bind_endpoints(topology, *topology.sidecar("far"));
  CHECK(far.ingest == List{"ipc:///run/t/far/ingest.sock"});
  CHECK(far.control == List{"ipc:///run/t/far/control.sock", "tcp://127.0.0.1:7402"});
  CHECK(far.broadcast == List{"ipc:///run/t/far/broadcast.sock", "tcp://127.0.0.1:7403"});
}

TEST_CASE("SidecarsAndNodesOfAHostTakeTurnsWithItsMetricsPorts") {
  const Topology topology = parsed(kTwoHosts +
                                   "[nodes.other]\nkind = 'service'\nhost = 'a'\n"
                                   "subscribes = ['near']\n");
  const auto port = [&](const std::string& name) { return telling_places(topology, name).port; };
  CHECK(port("near") == 7900);
  CHECK(port("far") == 7902);
  CHECK(port("local") == 7901);
  CHECK(port("other") == 7903);
  CHECK(port("sourcing-1") == 8001);
  CHECK(telling_places(topology, "near").address == "127.0.0.1");
}

TEST_CASE("AHostSaysWhetherAndWhereItsDaemonsTell") {
  Topology topology = parsed(kTwoHosts);
  topology.hosts[0].metrics_port = 0;
  CHECK(telling_places(topology, "far").port == 0);
  topology.hosts[0].metrics_port = 65535;
  CHECK(telling_places(topology, "near").port == 65535);
  CHECK(telling_places(topology, "far").port == 0);
  CHECK(telling_places(topology, "far").alerts_stream.empty());
  topology.hosts[0].alerts = "near";
  const TellingPlaces places = telling_places(topology, "far");
  CHECK(places.alerts_stream == "near");
  CHECK(places.alerts.ingest == "ipc:///run/t/near/ingest.sock");
}

TEST_CASE("AClientGetsOneEndpointASocket") {
  const Topology topology = parsed(kTwoHosts);
  const Sidecar& far = *topology.sidecar("far");
  const auto beside = endpoints_for(topology, "a", far);
  REQUIRE(beside);
  CHECK(beside->ingest == "ipc:///run/t/far/ingest.sock");
  CHECK(beside->control == "ipc:///run/t/far/control.sock");
  CHECK(beside->broadcast == "ipc:///run/t/far/broadcast.sock");
  const auto across = endpoints_for(topology, "b", far);
  REQUIRE(across);
  CHECK(across->ingest == "");
  CHECK(across->control == "tcp://127.0.0.1:7402");
  CHECK(across->broadcast == "tcp://127.0.0.1:7403");
}

TEST_CASE("WithKeysOtherHostsComeInOverSocketsOfTheirOwn") {
  const std::string ones(40, '1'), twos(40, '2');
  const std::string keys = "[keys]\nfar = ['" + ones + "', '" + twos + "']\nsourcing-1 = '" +
                           std::string(40, '3') + "'\n";
  const Topology topology = parsed(kTwoHosts + keys);
  const Sidecar& sidecar = *topology.sidecar("far");
  const SidecarEndpoints far = bind_endpoints(topology, sidecar);
  CHECK(far.control == List{"ipc:///run/t/far/control.sock"});
  CHECK(far.broadcast == List{"ipc:///run/t/far/broadcast.sock"});
  CHECK(far.far_control == List{"tcp://127.0.0.1:7402"});
  CHECK(far.far_broadcast == List{"tcp://127.0.0.1:7403"});
  const auto across = endpoints_for(topology, "b", sidecar);
  REQUIRE(across);
  CHECK(across->control == "tcp://127.0.0.1:7402");
  CHECK(across->server_keys == List{ones, twos});
  CHECK(endpoints_for(topology, "a", sidecar)->server_keys.empty());
  // Nobody reads `near` from another host, but an operator may ask.
  const Topology asked =
      parsed(kTwoHosts + "[keys]\nnear = '" + ones + "'\n[operators]\nalice = '" + twos + "'\n");
  CHECK(bind_endpoints(asked, *asked.sidecar("near")).far_control == List{"tcp://127.0.0.1:7400"});
}

TEST_CASE("ASidecarThatListensToNoOtherHostSaysSo") {
  const Topology topology = parsed(kTwoHosts);
  const auto across = endpoints_for(topology, "b", *topology.sidecar("near"));
  REQUIRE_FALSE(across);
  CHECK(across.error().code == ErrorCode::kUnavailable);
  CHECK(across.error().message.find("'near' on host 'a' listens to no other host") == 8);
}

TEST_CASE("AddingAtTheEndMovesNobody") {
  const std::string more =
      "[sidecars.third]\nhost = 'a'\nstreams = { third = {} }\n"
      "[nodes.more]\nkind = 'service'\nhost = 'b'\nsubscribes = ['near', 'third']\n";
  const Topology before = parsed(kTwoHosts);
  const Topology after = parsed(kTwoHosts + more);
  CHECK(bind_endpoints(after, *after.sidecar("far")).control ==
        bind_endpoints(before, *before.sidecar("far")).control);
  CHECK(bind_endpoints(after, *after.sidecar("near")).control.back() == "tcp://127.0.0.1:7400");
  CHECK(bind_endpoints(after, *after.sidecar("third")).control.back() == "tcp://127.0.0.1:7404");
}

TEST_CASE("WhoSubscribesHasAControlSocketAndOnlyASourcingNodeAQuerySocket") {
  const Topology topology = parsed(kTwoHosts);
  CHECK(node_endpoints(topology, *topology.node("sourcing-1")).control ==
        "ipc:///run/t/sourcing-1/control.sock");
  CHECK(node_endpoints(topology, *topology.node("sourcing-1")).query ==
        "ipc:///run/t/sourcing-1/query.sock");
  CHECK(node_endpoints(topology, *topology.node("local")).query == "");
  CHECK(state_folder(topology, "sourcing-1") == "/run/t/sourcing-1");
}

}  // namespace
}  // namespace forebay
