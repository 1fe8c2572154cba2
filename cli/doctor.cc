#include "cli/doctor.h"

#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>

#include "cli/alert_checks.h"
#include "cli/host_facts.h"
#include "cli/node_client.h"
#include "cli/reach.h"
#include "cli/report_checks.h"
#include "common/base/clock.h"

namespace forebay {
namespace {

using Asked = std::future<Result<Json>>;

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const Resident* resident_of(const Examination& examination, const std::string& name) {
  const auto found = std::find_if(examination.residents.begin(), examination.residents.end(),
                                  [&](const Resident& resident) { return resident.name == name; });
  return found == examination.residents.end() ? nullptr : &*found;
}

/// A node of these hosts that reads from the sidecar; nullptr if there is none.
const Node* reader_of(const Topology& topology, const std::vector<std::string>& hosts,
                      const Sidecar& sidecar) {
  for (const Node& node : topology.nodes) {
    if (!has(hosts, node.host)) continue;
    for (const Interest& interest : node.subscribes) {
      if (topology.owner_of(interest.stream) == &sidecar) return &node;
    }
  }
  return nullptr;
}

Result<Json> ask(const Result<Reached>& reached) {
  if (!reached) return fail(reached.error());
  const auto client = reached->control();
  if (!client) return fail(client.error());
  return report_of(**client);
}

/// Nothing if there is no way for this command.
std::optional<Asked> ask_sidecar(const Globals& globals, const Topology& topology,
                                 const std::vector<std::string>& hosts, const Sidecar& sidecar) {
  const auto soon = [](auto&& reached) { return std::async(std::launch::async, reached); };
  if (has(hosts, sidecar.host)) {
    return soon([&] { return ask(reach(Globals{}, topology, sidecar)); });
  }
  if (!globals.key_path.empty())
    return soon([&] { return ask(reach(globals, topology, sidecar)); });
  if (const Node* reader = reader_of(topology, hosts, sidecar))
    return soon(
        [&topology, &sidecar, reader] { return ask(reach_as(topology, *reader, sidecar)); });
  return std::nullopt;
}

/// Whether there is anything of it here: a service that only publishes needs no folder.
bool keeps_state(const Resident& resident) {
  return resident.is_sidecar || resident.subscribes || !resident.program.empty() ||
         resident.folder_there;
}

}  // namespace

Result<Examination> examine(const Globals& globals, const Topology& topology,
                            const std::string& host) {
  auto hosts = hosts_here(topology, host, own_addresses());
  if (!hosts) return fail(hosts.error());
  Examination examination;
  examination.hosts = std::move(*hosts);
  examination.clock_synchronised = SystemClock().synchronised();
  examination.residents = residents_of(topology, examination.hosts);
  std::map<std::string, Asked> sidecars, nodes;
  for (const Sidecar& sidecar : topology.sidecars) {
    if (auto asked = ask_sidecar(globals, topology, examination.hosts, sidecar)) {
      sidecars.emplace(sidecar.name, std::move(*asked));
    } else {
      examination.not_asked.push_back(sidecar.name);
    }
  }
  for (const Node& node : topology.nodes) {
    if (node.subscribes.empty() || !has(examination.hosts, node.host)) continue;
    nodes.emplace(node.name,
                  std::async(std::launch::async, [&] { return node_status(topology, node); }));
  }
  for (auto& [name, asked] : sidecars) examination.sidecars.emplace(name, asked.get());
  for (auto& [name, asked] : nodes) examination.nodes.emplace(name, asked.get());
  return examination;
}

Findings findings_of(const Topology& topology, const Examination& examination,
                     const std::string& version) {
  Findings all{{"topology", topology.name}, check_clock(examination.clock_synchronised)};
  const auto add = [&](Findings more) { all.insert(all.end(), more.begin(), more.end()); };
  for (const Resident& resident : examination.residents) {
    if (keeps_state(resident)) add({check_folder(resident), check_disk(resident)});
    if (resident.is_sidecar || resident.subscribes) add({check_limits(resident)});
    if (const Identity* listed = topology.keys_of(resident.name); listed != nullptr)
      add(check_keys(resident, *listed));
    if (const Node* node = topology.node(resident.name); node && node->kind == NodeKind::kFeed)
      add({check_feed(resident, *node)});
    if (const auto node = examination.nodes.find(resident.name); node != examination.nodes.end())
      add({check_node(node->second, resident)});
  }
  ConsumersHeard heard;
  for (const auto& [name, report] : examination.sidecars) {
    add(check_sidecar(*topology.sidecar(name), report, resident_of(examination, name), version,
                      topology.alerts));
    if (report) heard.sidecars.emplace(name, *report);
  }
  for (const auto& [name, status] : examination.nodes) {
    if (status) heard.nodes.emplace(name, *status);
  }
  add(check_consumers(topology, heard));
  Findings of_alerts;
  for (const auto* reports : {&examination.sidecars, &examination.nodes}) {
    for (const auto& [name, report] : *reports) {
      if (!report) continue;
      const Findings more = check_alerts(name, *report, all);
      of_alerts.insert(of_alerts.end(), more.begin(), more.end());
    }
  }
  add(std::move(of_alerts));
  return by_severity(std::move(all));
}

Json doctor_json(const Examination& examination, const Findings& findings,
                 const std::string& version) {
  return {{"version", version},
          {"hosts", examination.hosts},
          {"wrong", count_of(findings, Severity::kWrong)},
          {"warnings", count_of(findings, Severity::kWarning)},
          {"not_asked", examination.not_asked},
          {"checks", findings_json(findings)}};
}

}  // namespace forebay
