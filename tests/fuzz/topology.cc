// Topology files, with all that is derived of one that is in order.
#include "tests/fuzz/fuzz.h"
#include "topology/endpoints.h"
#include "topology/load.h"

namespace forebay::fuzz {
namespace {

void decode_topology(std::string_view input) {
  constexpr std::size_t kProblemBytesMax = 64 << 10;
  for (const Keys keys : {Keys::kThere, Keys::kToCome}) {
    const auto topology = parse_topology(input, "/srv/forebay", keys);
    if (!topology) {
      require(!topology.error().empty(), "what is refused has a problem");
      for (const Problem& problem : topology.error())
        require(problem.text("file").size() < kProblemBytesMax, "a problem is told in few words");
      continue;
    }
    for (const Sidecar& sidecar : topology->sidecars) {
      const SidecarEndpoints bound = bind_endpoints(*topology, sidecar);
      require(!bound.ingest.empty() && !bound.control.empty(), "a sidecar is reached");
      require(bound.far_control.empty() || first_port(*topology, sidecar) < 65'535,
              "its ports are ports");
      for (const Host& host : topology->hosts)
        static_cast<void>(endpoints_for(*topology, host.name, sidecar));
    }
    for (const Node& node : topology->nodes) {
      static_cast<void>(node_endpoints(*topology, node));
      for (const Interest& interest : node.subscribes) {
        const Sidecar* owner = topology->owner_of(interest.stream);
        require(owner != nullptr && endpoints_for(*topology, node.host, *owner).has_value(),
                "a node reaches what it subscribes to");
        static_cast<void>(to_string(interest.start));
      }
    }
  }
}

std::vector<std::string> topology_seeds() {
  return {R"([topology]
name = "edd"
state_dir = "state"
[hosts.a]
address = "127.0.0.1"
base_port = 7400
[sidecars.inventory]
host = "a"
disk_max = "8GiB"
streams = { inventory = { retention = { age = "90d", bytes = "8GiB", discard = "new" } } }
[nodes.feed]
kind = "feed"
host = "a"
publishes = ["inventory"]
source = "inventory.ndjson"
follow = true
[nodes.sourcing-1]
kind = "sourcing"
host = "a"
subscribes = ["inventory"]
[alerts]
lag_events = 10000
lag_age = "5s"
)",
          R"([topology]
name = "far"
[hosts.a]
address = "10.0.0.1"
[hosts.b]
address = "10.0.0.2"
[sidecars.s]
host = "a"
streams = { t = {} }
[nodes.n]
kind = "service"
host = "b"
replay = true
subscribes = [{ stream = "t", start = "2026-03-01T00:00:00Z" }]
[keys]
s = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
n = ["Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"]
[operators]
alice = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"
)"};
}
const Decoder topology_decoder{"topology", decode_topology, topology_seeds};

}  // namespace
}  // namespace forebay::fuzz
