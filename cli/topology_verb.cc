// forebay topology check | show | endpoints
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/host_facts.h"
#include "cli/scrape_targets.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "topology/endpoints.h"
#include "topology/load.h"
#include "topology/units.h"

namespace forebay {
namespace {

using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }
// A path may hold bytes that are no UTF-8; they must not end the program.
void print(const Json& json) {
  print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string count(std::size_t number, const std::string& noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string duration(const std::optional<Nanoseconds>& value) {
  return value ? format_duration(*value) : "";
}

std::string size(const std::optional<std::uint64_t>& value) {
  return value ? format_size(*value) : "";
}

std::string interests(const Node& node) {
  std::vector<std::string> words;
  for (const Interest& interest : node.subscribes) {
    const bool usual = interest.start == Start{};
    words.push_back(interest.stream + (usual ? "" : " (" + to_string(interest.start) + ")"));
  }
  return joined(words);
}

int check(const Globals& globals) {
  const auto topology = read_topology(globals.topology_path);
  if (!topology) {
    Json problems = Json::array();
    for (const Problem& problem : topology.error()) {
      if (!globals.json) {
        std::fprintf(stderr, "%s\n", problem.text(globals.topology_path).c_str());
      }
      problems.push_back({{"file", globals.topology_path},
                          {"line", problem.place.line},
                          {"column", problem.place.column},
                          {"what", problem.what},
                          {"mend", problem.mend}});
    }
    if (globals.json) print(Json{{"ok", false}, {"problems", problems}});
    return kExitBadInput;
  }
  const std::size_t streams = topology->stream_names().size();
  if (globals.json) {
    print(Json{{"ok", true},
               {"name", topology->name},
               {"hosts", topology->hosts.size()},
               {"sidecars", topology->sidecars.size()},
               {"streams", streams},
               {"nodes", topology->nodes.size()}});
  } else {
    print("ok: " + topology->name + ": " + count(topology->hosts.size(), "host") + ", " +
          count(topology->sidecars.size(), "sidecar") + ", " + count(streams, "stream") + ", " +
          count(topology->nodes.size(), "node") + "\n");
  }
  return kExitDone;
}

Json shown(const Topology& topology) {
  Json json = {{"name", topology.name},           {"state_dir", topology.state_dir},
               {"log_level", topology.log_level}, {"hosts", Json::array()},
               {"sidecars", Json::array()},       {"nodes", Json::array()},
               {"alerts", Json::object()},        {"keys", Json::object()},
               {"operators", Json::object()}};
  for (const Identity& identity : topology.keys) json["keys"][identity.name] = identity.keys;
  for (const Identity& person : topology.operators) json["operators"][person.name] = person.keys;
  for (const Host& host : topology.hosts) {
    json["hosts"].push_back({{"name", host.name},
                             {"address", host.address},
                             {"base_port", host.base_port},
                             {"metrics_address", host.metrics_address},
                             {"metrics_port", host.metrics_port},
                             {"alerts", host.alerts.empty() ? Json(nullptr) : Json(host.alerts)}});
  }
  for (const Sidecar& sidecar : topology.sidecars) {
    Json streams = Json::array();
    for (const Stream& stream : sidecar.streams) {
      Json entry = {{"name", stream.name}, {"retention", Json::object()}};
      if (stream.retention.age) entry["retention"]["age"] = duration(stream.retention.age);
      if (stream.retention.bytes) {
        entry["retention"]["bytes"] = *stream.retention.bytes;
        entry["retention"]["discard"] =
            stream.retention.discard == Retention::Discard::kNew ? "new" : "old";
      }
      streams.push_back(entry);
    }
    Json entry = {{"name", sidecar.name}, {"host", sidecar.host}, {"streams", streams}};
    if (sidecar.disk_max) entry["disk_max"] = *sidecar.disk_max;
    json["sidecars"].push_back(entry);
  }
  for (const Node& node : topology.nodes) {
    Json entry = {{"name", node.name},
                  {"kind", to_string(node.kind)},
                  {"host", node.host},
                  {"publishes", node.publishes},
                  {"subscribes", Json::array()}};
    for (const Interest& interest : node.subscribes) {
      entry["subscribes"].push_back(
          {{"stream", interest.stream}, {"start", to_string(interest.start)}});
    }
    if (node.kind == NodeKind::kFeed) {
      entry["source"] = node.source;
      entry["follow"] = node.follow;
    }
    if (node.kind == NodeKind::kService) entry["replay"] = node.replay;
    json["nodes"].push_back(entry);
  }
  const Alerts& alerts = topology.alerts;
  json["alerts"] = {{"lag_events", alerts.lag_events},
                    {"lag_age", format_duration(alerts.lag_age)},
                    {"beacon_silent", format_duration(alerts.beacon_silent)},
                    {"producer_silent", format_duration(alerts.producer_silent)},
                    {"not_moving", format_duration(alerts.not_moving)},
                    {"disk_percent", alerts.disk_percent},
                    {"refusals", alerts.refusals},
                    {"exec", alerts.exec}};
  return json;
}

int show(const Globals& globals) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  if (globals.json) {
    print(shown(*topology));
    return kExitDone;
  }
  Rows hosts = {{"HOST", "ADDRESS", "BASE PORT", "METRICS", "ALERTS TO"}};
  for (const Host& host : topology->hosts) {
    hosts.push_back({host.name, host.address, std::to_string(host.base_port),
                     host.metrics_port == 0
                         ? ""
                         : host.metrics_address + ":" + std::to_string(host.metrics_port),
                     host.alerts});
  }
  Rows streams = {{"STREAM", "SIDECAR", "HOST", "KEEPS AGE", "KEEPS BYTES", "DISK MAX"}};
  for (const Sidecar& sidecar : topology->sidecars) {
    for (const Stream& stream : sidecar.streams) {
      streams.push_back({stream.name, sidecar.name, sidecar.host, duration(stream.retention.age),
                         size(stream.retention.bytes), size(sidecar.disk_max)});
    }
  }
  Rows nodes = {{"NODE", "KIND", "HOST", "PUBLISHES", "SUBSCRIBES", "SOURCE"}};
  for (const Node& node : topology->nodes) {
    nodes.push_back({node.name, std::string(to_string(node.kind)), node.host,
                     joined(node.publishes), interests(node),
                     node.source + (node.follow ? " (followed)" : "")});
  }
  Rows keys = {{"KEY OF", "PUBLIC KEY"}};
  for (const Identity& identity : topology->keys)
    keys.push_back({identity.name, joined(identity.keys)});
  for (const Identity& person : topology->operators)
    keys.push_back({person.name + " (operator)", joined(person.keys)});
  const Alerts& alerts = topology->alerts;
  const Rows limits = {
      {"ALERT", "FROM"},
      {"lag_events", std::to_string(alerts.lag_events)},
      {"lag_age", format_duration(alerts.lag_age)},
      {"beacon_silent", format_duration(alerts.beacon_silent)},
      {"producer_silent", format_duration(alerts.producer_silent)},
      {"not_moving", format_duration(alerts.not_moving)},
      {"disk_percent", std::to_string(alerts.disk_percent)},
      {"refusals", std::to_string(alerts.refusals) + " a minute"},
  };
  print("topology " + topology->name + ", state in " + topology->state_dir + "\n");
  for (const Rows& rows : {hosts, streams, nodes, keys, limits}) {
    if (rows.size() > 1) print("\n" + aligned(rows));
  }
  return kExitDone;
}

/// What a node has to do with a sidecar.
struct Dealings {
  bool publishes;
  bool subscribes;
};

Dealings dealings(const Topology& topology, const Node& node, const Sidecar& sidecar) {
  const auto owned = [&](const std::string& stream) {
    return topology.owner_of(stream) == &sidecar;
  };
  return {std::any_of(node.publishes.begin(), node.publishes.end(), owned),
          std::any_of(node.subscribes.begin(), node.subscribes.end(),
                      [&](const Interest& interest) { return owned(interest.stream); })};
}

void add_metrics(const Topology& topology, const std::string& daemon, const std::string& host,
                 Json& entry, Rows& rows) {
  const TellingPlaces places = telling_places(topology, daemon);
  if (places.port == 0) return;
  const std::string url =
      "http://" + places.address + ":" + std::to_string(places.port) + "/metrics";
  entry["metrics"] = url;
  rows.push_back({daemon, host, "serves metrics", url});
}

int endpoints(const Globals& globals) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  Json json = {{"sidecars", Json::object()}, {"nodes", Json::object()}};
  Rows rows = {{"PROCESS", "HOST", "SOCKET", "ENDPOINT"}};
  for (const Sidecar& sidecar : topology->sidecars) {
    const SidecarEndpoints bound = bind_endpoints(*topology, sidecar);
    Json entry = {{"host", sidecar.host}, {"state", state_folder(*topology, sidecar.name)}};
    for (const auto& [socket, list] : {std::pair("ingest", bound.ingest),
                                       {"control", bound.control},
                                       {"broadcast", bound.broadcast},
                                       {"encrypted control", bound.far_control},
                                       {"encrypted broadcast", bound.far_broadcast}}) {
      if (list.empty()) continue;
      entry[socket] = list;
      for (const std::string& endpoint : list) {
        rows.push_back({sidecar.name, sidecar.host, "binds " + std::string(socket), endpoint});
      }
    }
    add_metrics(*topology, sidecar.name, sidecar.host, entry, rows);
    json["sidecars"][sidecar.name] = entry;
  }
  for (const Node& node : topology->nodes) {
    Json entry = {{"host", node.host},
                  {"state", state_folder(*topology, node.name)},
                  {"connects", Json::object()}};
    const NodeEndpoints bound = node_endpoints(*topology, node);
    for (const auto& [socket, endpoint] :
         {std::pair("query", bound.query), std::pair("control", bound.control)}) {
      if (endpoint.empty()) continue;
      entry[socket] = endpoint;
      rows.push_back({node.name, node.host, "binds " + std::string(socket), endpoint});
    }
    if (node.kind != NodeKind::kService) add_metrics(*topology, node.name, node.host, entry, rows);
    for (const Sidecar& sidecar : topology->sidecars) {
      const auto [publishes, subscribes] = dealings(*topology, node, sidecar);
      if (!publishes && !subscribes) continue;
      const auto client = endpoints_for(*topology, node.host, sidecar);
      if (!client) return exit_with(client.error());
      const auto connects = [&](const std::string& socket, const std::string& endpoint) {
        entry["connects"][sidecar.name][socket] = endpoint;
        rows.push_back({node.name, node.host, "connects " + socket, endpoint});
      };
      if (publishes) connects("ingest", client->ingest);
      connects("control", client->control);
      if (subscribes) connects("broadcast", client->broadcast);
    }
    json["nodes"][node.name] = entry;
  }
  if (globals.json) {
    print(json);
  } else {
    print(aligned(rows));
  }
  return kExitDone;
}

int targets(const Globals& globals) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  // Where none of its hosts is this machine, only what is served to others counts.
  const ScrapeTargets found = scrape_targets(
      *topology, hosts_here(*topology, "", own_addresses()).value_or(std::vector<std::string>()));
  print(found.groups);
  for (const std::string& host : found.unreachable)
    notice("host '" + host +
           "' is left out: it serves its metrics on its loopback alone; run this there, for a "
           "Prometheus of its own, or give it a metrics_address");
  return kExitDone;
}

}  // namespace

void add_topology_verb(CLI::App& app, Globals& globals) {
  CLI::App* topology = app.add_subcommand("topology", "Checks and shows the topology file");
  topology->require_subcommand(1);
  CLI::App* verb =
      add_verb(*topology, globals, "check", "Checks the file; tells all problems and their mends",
               "  forebay topology check -t topology/demo.toml\n"
               "  forebay topology check --json | jq '.problems[].what'\n");
  add_json_flag(*verb, globals);
  run_as(*verb, globals, [&globals] { return check(globals); });
  verb =
      add_verb(*topology, globals, "show", "Prints the file as it is understood, defaults included",
               "  forebay topology show -t topology/demo.toml\n"
               "  forebay topology show --json | jq '.nodes[].name'\n");
  add_json_flag(*verb, globals);
  run_as(*verb, globals, [&globals] { return show(globals); });
  verb = add_verb(*topology, globals, "endpoints", "Prints where every process binds and connects",
                  "  forebay topology endpoints -t topology/demo.toml\n"
                  "  forebay topology endpoints --json | jq -r '.sidecars.catalog.control[0]'\n"
                  "  forebay topology endpoints --prometheus > targets.json\n");
  add_json_flag(*verb, globals);
  auto prometheus = std::make_shared<bool>(false);
  verb->add_flag("--prometheus", *prometheus,
                 "Print where metrics are, as Prometheus's file_sd_configs reads it")
      ->excludes(verb->get_option("--json"));
  run_as(*verb, globals,
         [&globals, prometheus] { return *prometheus ? targets(globals) : endpoints(globals); });
}

}  // namespace forebay
