// Where Prometheus finds the daemons of a topology: `forebay topology endpoints --prometheus`.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "topology/topology.h"

namespace forebay {

struct ScrapeTargets {
  /// As Prometheus's file_sd_configs reads it: [{targets: [address:port], labels: {job: "forebay",
  /// topology, host, kind, daemon, ends?: "true"}}]. `ends`: a feed that is done with its file's end.
  nlohmann::ordered_json groups;
  std::vector<std::string> unreachable;  // hosts whose daemons serve on a loopback that is not ours
};

/// `here`: the hosts that this machine is, of which alone what is served on loopback counts.
[[nodiscard]] ScrapeTargets scrape_targets(const Topology& topology,
                                           const std::vector<std::string>& here);

}  // namespace forebay
