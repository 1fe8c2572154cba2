// Where every process of a topology binds and connects, and where it keeps its files: derived,
// never written down.
//
// On one host sockets are ipc://<state_dir>/<name>/<socket>.sock. A sidecar that has a consumer on
// another host also binds tcp for control and broadcast. Its ports follow from its place among the
// sidecars of its host, whether they are used or not, so that adding a consumer, or a sidecar at
// the end of the file, moves nobody:
//
//   base_port + 2 * index: control      base_port + 2 * index + 1: broadcast
//
// Publishers talk to a sidecar beside them, and nodes are queried from their own host: ipc only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "topology/topology.h"

namespace forebay {

/// What a sidecar binds, each socket to every endpoint of its list. Those of other hosts come in
/// encrypted over sockets of their own (`far_…`), or, over loopback where nobody has keys, like all.
struct SidecarEndpoints {
  std::vector<std::string> ingest;         // PULL
  std::vector<std::string> control;        // ROUTER
  std::vector<std::string> broadcast;      // PUB
  std::vector<std::string> far_control;    // ROUTER
  std::vector<std::string> far_broadcast;  // ROUTER
};

/// What a client of a sidecar connects to.
struct ClientEndpoints {
  std::string ingest;  // empty from another host
  std::string control;
  std::string broadcast;
  std::vector<std::string> server_keys;  // control and broadcast are encrypted to one of these
};

/// What a node binds; empty if its kind has no such socket.
struct NodeEndpoints {
  std::string query;    // ROUTER, of a sourcing node
  std::string control;  // ROUTER, of whoever subscribes: operators ask it
};

/// The folder, 0700, of the sidecar or node `name`: its lock, store and sockets.
[[nodiscard]] std::string state_folder(const Topology& topology, std::string_view name);

/// Its secret key, and the one that is to follow, in that folder.
[[nodiscard]] std::string secret_path(const std::string& folder);
[[nodiscard]] std::string next_secret_path(const std::string& folder);

[[nodiscard]] SidecarEndpoints bind_endpoints(const Topology& topology, const Sidecar& sidecar);

/// For a client on host `host` (a node's is node.host). kUnavailable if the sidecar is on another
/// host and does not listen to others since no consumer there is in the topology.
[[nodiscard]] Result<ClientEndpoints> endpoints_for(const Topology& topology, std::string_view host,
                                                    const Sidecar& sidecar);

[[nodiscard]] NodeEndpoints node_endpoints(const Topology& topology, const Node& node);

/// Where a daemon says how it is. /metrics and /health: sidecars and nodes of a host take turns, each
/// kind in the order of the file, so that one more of either moves nobody:
///
///   metrics_port + 2 * index: a sidecar      metrics_port + 2 * index + 1: a node
struct TellingPlaces {
  std::string address;
  std::uint16_t port = 0;     // 0: nowhere
  std::string alerts_stream;  // empty: none
  ClientEndpoints alerts;     // its sidecar
};
/// Of a sidecar or node of the topology.
[[nodiscard]] TellingPlaces telling_places(const Topology& topology, std::string_view daemon);

/// Whether a node of another host subscribes to one of its streams.
[[nodiscard]] bool has_remote_consumer(const Topology& topology, const Sidecar& sidecar);

/// The tcp port of the sidecar's control socket; the one after it is broadcast. The sidecar's host
/// is in the topology; past 65535 in a topology that check refuses.
[[nodiscard]] std::uint32_t first_port(const Topology& topology, const Sidecar& sidecar);

}  // namespace forebay
