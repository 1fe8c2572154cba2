#include "systemd/host_units.h"

#include <algorithm>
#include <set>

#include "topology/endpoints.h"
#include "topology/problem.h"

namespace forebay {
namespace {

constexpr std::string_view kTarget = "forebay.target";
constexpr std::string_view kUnitFolder = "/usr/lib/systemd/system/";

struct DropIn {
  std::string unit;     // lines of [Unit]
  std::string service;  // lines of [Service]
};

std::string unit_of_sidecar(std::string_view name) {
  return "forebay-sidecar@" + std::string(name) + ".service";
}

enum class Reach : std::uint8_t { kNothing, kLoopback, kHosts };

/// What its pages need.
Reach reach_of_pages(const Topology& topology, const std::string& daemon) {
  const TellingPlaces places = telling_places(topology, daemon);
  if (places.port == 0) return Reach::kNothing;
  return places.address.starts_with("127.") ? Reach::kLoopback : Reach::kHosts;
}

std::string opened(Reach reach) {
  if (reach == Reach::kNothing) return "";
  return std::string("PrivateNetwork=no\nRestrictAddressFamilies=AF_INET\n") +
         (reach == Reach::kLoopback ? "IPAddressAllow=localhost\n" : "IPAddressDeny=\n");
}

DropIn drop_in_of(const Topology& topology, const Sidecar& sidecar) {
  DropIn drop_in;
  Reach reach = reach_of_pages(topology, sidecar.name);
  const SidecarEndpoints bound = bind_endpoints(topology, sidecar);
  if (bound.control.size() > 1 || !bound.far_control.empty()) {
    // It binds an address, which has to be there.
    drop_in.unit = "Wants=network-online.target\nAfter=network-online.target\n";
    reach = Reach::kHosts;
  }
  drop_in.service = opened(reach);
  return drop_in;
}

DropIn drop_in_of(const Topology& topology, const Node& node) {
  DropIn drop_in;
  Reach reach = reach_of_pages(topology, node.name);
  std::set<std::string> before;
  for (const std::string& stream : node.publishes) {
    before.insert(unit_of_sidecar(topology.owner_of(stream)->name));
  }
  for (const std::string& unit : before) drop_in.unit += "After=" + unit + "\n";
  if (std::any_of(node.subscribes.begin(), node.subscribes.end(), [&](const Interest& interest) {
        return topology.owner_of(interest.stream)->host != node.host;
      })) {
    reach = Reach::kHosts;
  }
  drop_in.service = opened(reach);
  return drop_in;
}

class Files {
 public:
  explicit Files(std::string_view topology_path)
      : head_("# Written by forebay-generator.\n[Unit]\nSourcePath=" + std::string(topology_path) +
              "\n") {
    add(kTarget, {});
  }

  void add(std::string_view unit, const DropIn& drop_in) {
    std::string text = head_ + drop_in.unit;
    if (!drop_in.service.empty()) text += "\n[Service]\n" + drop_in.service;
    files_.push_back({std::string(unit) + ".d/50-forebay.conf", std::move(text)});
  }

  void want(std::string_view kind, std::string_view name, const DropIn& drop_in) {
    const std::string stem = "forebay-" + std::string(kind) + "@";
    const std::string unit = stem + std::string(name) + ".service";
    files_.push_back({std::string(kTarget) + ".wants/" + unit,
                      std::string(kUnitFolder) + stem + ".service", true});
    add(unit, drop_in);
  }

  [[nodiscard]] std::vector<UnitFile> take() { return std::move(files_); }

 private:
  std::string head_;
  std::vector<UnitFile> files_;
};

}  // namespace

Result<std::string> this_host(const Topology& topology, const std::optional<std::string>& named,
                              std::string_view host_file, std::string_view machine_name) {
  std::vector<std::string_view> known;
  for (const Host& host : topology.hosts) known.push_back(host.name);
  if (named) {
    if (topology.host(*named) != nullptr) return *named;
    return fail(ErrorCode::kBadInput, std::string(host_file) + ": the topology has no host " +
                                          in_quotes(*named) + "; " + mend_name(*named, known, ""));
  }
  if (topology.host(machine_name) != nullptr) return std::string(machine_name);
  if (known.size() == 1) return std::string(known.front());
  return fail(ErrorCode::kBadInput,
              "which host of the topology this machine is cannot be told: it is called " +
                  in_quotes(machine_name) + ", which none of them is; write the host's name into " +
                  std::string(host_file) + " (" + mend_name(machine_name, known, "") + ")");
}

std::vector<UnitFile> units_of_host(const Topology& topology, std::string_view host,
                                    std::string_view topology_path) {
  Files files(topology_path);
  for (const Sidecar& sidecar : topology.sidecars) {
    if (sidecar.host == host) files.want("sidecar", sidecar.name, drop_in_of(topology, sidecar));
  }
  for (const Node& node : topology.nodes) {
    if (node.host != host || node.kind == NodeKind::kService) continue;
    files.want(to_string(node.kind), node.name, drop_in_of(topology, node));
  }
  return files.take();
}

}  // namespace forebay
