#include "cli/scrape_targets.h"

#include <algorithm>

#include "topology/endpoints.h"

namespace forebay {
namespace {

using Json = nlohmann::ordered_json;

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

ScrapeTargets scrape_targets(const Topology& topology, const std::vector<std::string>& here) {
  ScrapeTargets found{Json::array(), {}};
  const auto add = [&](const std::string& daemon, const Host& host, const std::string& kind,
                       bool ends) {
    const TellingPlaces places = telling_places(topology, daemon);
    if (places.port == 0) return;
    // All of the host's addresses: one that others know it by.
    const std::string& address = places.address == "0.0.0.0" ? host.address : places.address;
    if (address.starts_with("127.") && !has(here, host.name)) {
      if (!has(found.unreachable, host.name)) found.unreachable.push_back(host.name);
      return;
    }
    Json labels{{"job", "forebay"},
                {"topology", topology.name},
                {"host", host.name},
                {"kind", kind},
                {"daemon", daemon}};
    if (ends) labels["ends"] = "true";
    found.groups.push_back(
        {{"targets", {address + ":" + std::to_string(places.port)}}, {"labels", labels}});
  };
  for (const Sidecar& sidecar : topology.sidecars)
    add(sidecar.name, *topology.host(sidecar.host), "sidecar", false);
  for (const Node& node : topology.nodes) {
    if (node.kind == NodeKind::kService) continue;  // its own program's
    add(node.name, *topology.host(node.host), std::string(to_string(node.kind)),
        node.kind == NodeKind::kFeed && !node.follow);
  }
  return found;
}

}  // namespace forebay
