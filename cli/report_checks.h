// What `forebay doctor` makes of the answers of sidecars and consumers: reachability, streams, log,
// clock, versions, consumers.
#pragma once

#include <map>
#include <string>

#include "cli/consumer_list.h"
#include "cli/finding.h"
#include "cli/host_checks.h"
#include "common/base/result.h"
#include "topology/topology.h"

namespace forebay {

/// `report`: parse_report's, or why there is none; kForbidden is an answer, too, to who is no
/// operator. `resident`: nullptr for a sidecar of another host. `version`: of this command.
/// `alerts`: the topology's thresholds.
[[nodiscard]] Findings check_sidecar(const Sidecar& sidecar, const Result<Json>& report,
                                     const Resident* resident, const std::string& version,
                                     const Alerts& alerts);

/// `status`: what the node says of itself, or why it does not.
[[nodiscard]] Finding check_node(const Result<Json>& status, const Resident& resident);

/// A row a consumer that is well, and one for each thing that is not; none for one of which nothing
/// was heard, and of whose sidecar neither.
[[nodiscard]] Findings check_consumers(const Topology& topology, const ConsumersHeard& heard);

}  // namespace forebay
