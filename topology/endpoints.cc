#include "topology/endpoints.h"

#include <algorithm>

namespace forebay {
namespace {

std::string ipc(const Topology& topology, std::string_view name, std::string_view socket) {
  return "ipc://" + state_folder(topology, name) + "/" + std::string(socket) + ".sock";
}

std::string tcp(const Topology& topology, const Sidecar& sidecar, std::uint32_t port) {
  const Host* host = topology.host(sidecar.host);
  return "tcp://" + host->address + ":" + std::to_string(port);
}

}  // namespace

std::string state_folder(const Topology& topology, std::string_view name) {
  return topology.state_dir + "/" + std::string(name);
}

std::string secret_path(const std::string& folder) { return folder + "/secret.key"; }
std::string next_secret_path(const std::string& folder) { return folder + "/secret.next"; }

bool has_remote_consumer(const Topology& topology, const Sidecar& sidecar) {
  return std::any_of(topology.nodes.begin(), topology.nodes.end(), [&](const Node& node) {
    return node.host != sidecar.host &&
           std::any_of(node.subscribes.begin(), node.subscribes.end(),
                       [&](const Interest& interest) {
                         return topology.owner_of(interest.stream) == &sidecar;
                       });
  });
}

std::uint32_t first_port(const Topology& topology, const Sidecar& sidecar) {
  std::uint32_t port = topology.host(sidecar.host)->base_port;
  for (const Sidecar& other : topology.sidecars) {
    if (other.name == sidecar.name) break;
    if (other.host == sidecar.host) port += limits::kPortsPerSidecar;
  }
  return port;
}

SidecarEndpoints bind_endpoints(const Topology& topology, const Sidecar& sidecar) {
  SidecarEndpoints endpoints{{ipc(topology, sidecar.name, "ingest")},
                             {ipc(topology, sidecar.name, "control")},
                             {ipc(topology, sidecar.name, "broadcast")},
                             {},
                             {}};
  const bool encrypted = topology.keys_of(sidecar.name) != nullptr;
  if (has_remote_consumer(topology, sidecar) || (encrypted && !topology.operators.empty())) {
    const std::uint32_t port = first_port(topology, sidecar);
    (encrypted ? endpoints.far_control : endpoints.control).push_back(tcp(topology, sidecar, port));
    (encrypted ? endpoints.far_broadcast : endpoints.broadcast)
        .push_back(tcp(topology, sidecar, port + 1));
  }
  return endpoints;
}

Result<ClientEndpoints> endpoints_for(const Topology& topology, std::string_view host,
                                      const Sidecar& sidecar) {
  const SidecarEndpoints bound = bind_endpoints(topology, sidecar);
  if (host == sidecar.host) {
    return ClientEndpoints{
        bound.ingest.front(), bound.control.front(), bound.broadcast.front(), {}};
  }
  if (!bound.far_control.empty()) {
    return ClientEndpoints{"", bound.far_control.front(), bound.far_broadcast.front(),
                           topology.keys_of(sidecar.name)->keys};
  }
  if (bound.control.size() == 1) {
    return fail(ErrorCode::kUnavailable,
                "sidecar '" + sidecar.name + "' on host '" + sidecar.host +
                    "' listens to no other host; run this there, or add a node on host '" +
                    std::string(host) + "' that subscribes to one of its streams");
  }
  return ClientEndpoints{"", bound.control.back(), bound.broadcast.back(), {}};
}

TellingPlaces telling_places(const Topology& topology, std::string_view daemon) {
  TellingPlaces places;
  const auto find = [&](const auto& daemons, std::uint32_t offset) {
    const auto self = std::find_if(daemons.begin(), daemons.end(),
                                   [&](const auto& each) { return each.name == daemon; });
    if (self == daemons.end()) return;
    const Host& host = *topology.host(self->host);
    const auto before = static_cast<std::uint32_t>(std::count_if(
        daemons.begin(), self, [&](const auto& each) { return each.host == self->host; }));
    const std::uint32_t port = host.metrics_port + 2 * before + offset;
    places.address = host.metrics_address;
    if (host.metrics_port != 0 && port <= 65535) places.port = static_cast<std::uint16_t>(port);
    if (host.alerts.empty()) return;
    places.alerts_stream = host.alerts;
    places.alerts = *endpoints_for(topology, host.name, *topology.owner_of(host.alerts));
  };
  find(topology.sidecars, 0);
  find(topology.nodes, 1);
  return places;
}

NodeEndpoints node_endpoints(const Topology& topology, const Node& node) {
  NodeEndpoints endpoints;
  if (node.kind == NodeKind::kSourcing) endpoints.query = ipc(topology, node.name, "query");
  if (!node.subscribes.empty()) endpoints.control = ipc(topology, node.name, "control");
  return endpoints;
}

}  // namespace forebay
