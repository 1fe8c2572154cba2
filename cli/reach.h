// Where a verb finds the sidecar of a stream, or a sourcing node. Verbs run on their own host.
#pragma once

#include <string>

#include "common/base/result.h"
#include "topology/endpoints.h"
#include "topology/topology.h"

namespace forebay {

/// kBadInput with the nearest name for a stream that is not in the topology.
[[nodiscard]] Result<ClientEndpoints> reach_stream(const Topology& topology,
                                                   const std::string& stream);

/// The sourcing node of that name; empty: the only one. kBadInput says which there are.
[[nodiscard]] Result<const Node*> reach_sourcing_node(const Topology& topology,
                                                      const std::string& name);

}  // namespace forebay
