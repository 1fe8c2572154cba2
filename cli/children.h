// Which processes `forebay up` runs: the sidecars and nodes of one host as commands.
#pragma once

#include <string>
#include <vector>

#include "cli/supervisor.h"
#include "common/base/result.h"
#include "topology/topology.h"

namespace forebay {

struct UpRequest {
  std::string topology_path;
  std::string program_folder;     // holds forebay-sidecar and forebay-<kind>
  std::string host;               // empty: the first of the topology
  std::vector<std::string> only;  // names; empty: all
};

/// Sidecars (stage 0), then nodes (stage 1), in the order of the file; nodes of kind service are
/// not ours to start. kBadInput for a host or name that is not there, or when nothing is left to
/// start.
[[nodiscard]] Result<std::vector<ChildSpec>> children_of(const Topology& topology,
                                                         const UpRequest& request);

/// Where this program itself lies, and the daemons beside it. kIo if the system does not say.
[[nodiscard]] Result<std::string> program_folder();

/// kIo that names the first program that cannot be run.
[[nodiscard]] Result<void> check_programs(const std::vector<ChildSpec>& children);

}  // namespace forebay
