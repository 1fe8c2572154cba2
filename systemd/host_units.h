// Which units systemd starts on this host, and what of a topology they have to be told: the files
// that forebay-generator writes.
//
// Every sidecar, feed and sourcing node of the host is wanted by forebay.target; nodes of kind
// service are their owners' to start. A drop-in for each names the topology as its source, so that
// systemctl tells who starts it when that was changed since, has sidecars start before their
// publishers, and opens what the templates close and this one needs: the network for who talks to
// other hosts, reading the clock's state for who trims by age.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "topology/topology.h"

namespace forebay {

/// `path` is relative to the folder that systemd gave; `link`: a symbolic link that leads to `text`.
struct UnitFile {
  std::string path;
  std::string text;
  bool link = false;
  friend auto operator<=>(const UnitFile&, const UnitFile&) = default;
};

/// Which host of the topology this machine is: `named` if somebody said so in `host_file`, else the
/// one with the machine's own name, else the only one. kBadInput if that leaves it open.
[[nodiscard]] Result<std::string> this_host(const Topology& topology,
                                            const std::optional<std::string>& named,
                                            std::string_view host_file,
                                            std::string_view machine_name);

/// `topology_path` is what drop-ins name as their source.
[[nodiscard]] std::vector<UnitFile> units_of_host(const Topology& topology, std::string_view host,
                                                  std::string_view topology_path);

}  // namespace forebay
