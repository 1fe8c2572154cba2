#include "cli/reach.h"

#include <algorithm>
#include <future>

#include "cli/status_report.h"
#include "common/base/limits.h"
#include "common/wire/secret_file.h"
#include "topology/problem.h"

namespace forebay {

Result<const Sidecar*> find_sidecar(const Topology& topology, const std::string& name) {
  if (const Sidecar* found = topology.sidecar(name)) return found;
  std::vector<std::string_view> known;
  for (const Sidecar& each : topology.sidecars) known.push_back(each.name);
  return fail(ErrorCode::kBadInput, "there is no sidecar " + in_quotes(name) + "; " +
                                        mend_name(name, known, "the topology has none"));
}

Result<Reached> reach(const Globals& globals, const Topology& topology, const Sidecar& sidecar) {
  const bool far = !globals.key_path.empty();
  const bool has_far_door = !bind_endpoints(topology, sidecar).far_control.empty();
  if (far && !has_far_door) {
    return fail(ErrorCode::kBadInput, "--key: sidecar " + in_quotes(sidecar.name) +
                                          " lets no operator in, since " +
                                          (topology.keys_of(sidecar.name) == nullptr
                                               ? "it has no key: `forebay keys generate " +
                                                     sidecar.name + "` on host " + sidecar.host
                                               : "the topology has nobody under [operators]"));
  }
  auto endpoints = endpoints_for(topology, far ? "" : sidecar.host, sidecar);
  if (!endpoints) return fail(endpoints.error());
  Reached reached{std::move(*endpoints), {}};
  if (reached.endpoints.server_keys.empty()) return reached;
  auto own = read_secret(globals.key_path);
  if (!own) return fail(own.error());
  const bool listed = std::any_of(
      topology.operators.begin(), topology.operators.end(), [&](const Identity& person) {
        return std::find(person.keys.begin(), person.keys.end(), own->public_key) !=
               person.keys.end();
      });
  if (!listed) {
    return fail(ErrorCode::kBadInput, "the public key of " + globals.key_path + ", \"" +
                                          own->public_key +
                                          "\", is nobody's under [operators] of the topology");
  }
  reached.credentials = Credentials{std::move(*own), reached.endpoints.server_keys};
  return reached;
}

Result<Reached> reach_as(const Topology& topology, const Node& node, const Sidecar& sidecar) {
  auto endpoints = endpoints_for(topology, node.host, sidecar);
  if (!endpoints) return fail(endpoints.error());
  Reached reached{std::move(*endpoints), {}};
  if (reached.endpoints.server_keys.empty()) return reached;
  auto own = read_listed_secret(secret_path(state_folder(topology, node.name)), node.name,
                                topology.keys_of(node.name)->keys);
  if (!own) return fail(own.error());
  reached.credentials = Credentials{std::move(*own), reached.endpoints.server_keys};
  return reached;
}

Result<Reached> reach_stream(const Globals& globals, const Topology& topology,
                             const std::string& stream) {
  const Sidecar* owner = topology.owner_of(stream);
  if (owner == nullptr) {
    return fail(ErrorCode::kBadInput,
                "there is no stream " + in_quotes(stream) + "; " +
                    mend_name(stream, topology.stream_names(), "the topology has none"));
  }
  return reach(globals, topology, *owner);
}

Result<nlohmann::ordered_json> report_of(ControlClient& client, std::chrono::milliseconds timeout) {
  const auto answer = client.request(StatusRequest{}, timeout);
  if (!answer) return fail(answer.error());
  const auto* status = std::get_if<StatusReport>(&answer->body);
  auto report = parse_report(status == nullptr ? std::string_view() : status->report);
  if (!report) return fail(report.error().in("the sidecar at " + client.endpoint()));
  return report;
}

std::map<std::string, Result<nlohmann::ordered_json>> reports_of_all(
    const Globals& globals, const Topology& topology, std::chrono::milliseconds timeout) {
  const auto ask = [&](const Sidecar& sidecar) -> Result<nlohmann::ordered_json> {
    const auto reached = reach(globals, topology, sidecar);
    if (!reached) return fail(reached.error());
    const auto client = reached->control();
    if (!client) return fail(client.error());
    return report_of(**client, timeout);
  };
  std::vector<std::future<Result<nlohmann::ordered_json>>> asked;
  for (const Sidecar& sidecar : topology.sidecars)
    asked.push_back(std::async(std::launch::async, [&] { return ask(sidecar); }));
  std::map<std::string, Result<nlohmann::ordered_json>> reports;
  for (std::size_t i = 0; i < asked.size(); ++i)
    reports.emplace(topology.sidecars[i].name, asked[i].get());
  return reports;
}

Result<const Node*> reach_sourcing_node(const Topology& topology, const std::string& name) {
  std::vector<std::string_view> known;
  const Node* chosen = nullptr;
  for (const Node& node : topology.nodes) {
    if (node.kind != NodeKind::kSourcing) continue;
    known.push_back(node.name);
    if (name.empty() || node.name == name) chosen = &node;
  }
  if (known.empty()) {
    return fail(ErrorCode::kBadInput, "the topology has no node of kind sourcing");
  }
  if (name.empty() && known.size() > 1) {
    return fail(ErrorCode::kBadInput, "there are several sourcing nodes; choose one with --node (" +
                                          mend_name("", known, "") + ")");
  }
  if (chosen == nullptr) {
    return fail(ErrorCode::kBadInput,
                "there is no sourcing node " + in_quotes(name) + "; " + mend_name(name, known, ""));
  }
  return chosen;
}

}  // namespace forebay
