// Where a verb finds a sidecar, or a sourcing node: beside it, as its host's user; or, with --key, over
// the network, as an operator of the topology.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/verb.h"
#include "common/base/limits.h"
#include "common/base/result.h"
#include "common/client/control_client.h"
#include "topology/endpoints.h"
#include "topology/topology.h"

namespace forebay {

/// kBadInput with the nearest name for one that is not in the topology.
[[nodiscard]] Result<const Sidecar*> find_sidecar(const Topology& topology,
                                                  const std::string& name);

struct Reached {
  ClientEndpoints endpoints;
  std::optional<Credentials> credentials;  // with --key

  [[nodiscard]] Result<std::unique_ptr<ControlClient>> control() const {
    return ControlClient::connect(endpoints.control, credentials);
  }
};
[[nodiscard]] Result<Reached> reach(const Globals& globals, const Topology& topology,
                                    const Sidecar& sidecar);
/// As the node's host and user.
[[nodiscard]] Result<Reached> reach_as(const Topology& topology, const Node& node,
                                       const Sidecar& sidecar);
/// The sidecar of a stream; kBadInput with the nearest name for one that is not in the topology.
[[nodiscard]] Result<Reached> reach_stream(const Globals& globals, const Topology& topology,
                                           const std::string& stream);

/// What a sidecar reports of itself (`status`).
[[nodiscard]] Result<nlohmann::ordered_json> report_of(
    ControlClient& client, std::chrono::milliseconds timeout = limits::kStatusTimeout);

/// What each sidecar of the topology reports, or why not, by name. All are asked at once, so that those
/// which are down cost one timeout together.
[[nodiscard]] std::map<std::string, Result<nlohmann::ordered_json>> reports_of_all(
    const Globals& globals, const Topology& topology, std::chrono::milliseconds timeout);

/// The sourcing node of that name; empty: the only one. kBadInput says which there are.
[[nodiscard]] Result<const Node*> reach_sourcing_node(const Topology& topology,
                                                      const std::string& name);

}  // namespace forebay
