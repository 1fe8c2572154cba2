// Where a verb finds the sidecar of a stream. Verbs run on the sidecar's own host.
#pragma once

#include <string>

#include "common/base/result.h"
#include "topology/endpoints.h"
#include "topology/topology.h"

namespace forebay {

/// kBadInput with the nearest name for a stream that is not in the topology.
[[nodiscard]] Result<ClientEndpoints> reach_stream(const Topology& topology,
                                                   const std::string& stream);

}  // namespace forebay
