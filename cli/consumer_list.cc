#include "cli/consumer_list.h"

#include <array>

#include "cli/health.h"
#include "common/event/json_fields.h"

namespace forebay {
namespace {

/// Where a consumer stands in a stream, by those who know.
struct Standing {
  bool in_topology = false;
  const Json* own = nullptr;         // what the consumer says
  const Json* registered = nullptr;  // what the sidecar says
  const Json* stream = nullptr;      // the same of the stream
};
using Standings = std::map<std::string, Standing>;  // by stream

std::map<std::string, Standings> standings_of(const Topology& topology,
                                              const ConsumersHeard& heard) {
  std::map<std::string, Standings> standings;
  for (const Node& node : topology.nodes) {
    for (const Interest& interest : node.subscribes)
      standings[node.name][interest.stream].in_topology = true;
  }
  for (const auto& [name, status] : heard.nodes) {
    for (const Json& own : list_in(status, "streams"))
      standings[name][text_in(own, "stream")].own = &own;
  }
  for (const auto& [name, report] : heard.sidecars) {
    if (!report) continue;
    std::map<std::string, const Json*> streams;
    for (const Json& stream : list_in(*report, "streams"))
      streams[text_in(stream, "stream")] = &stream;
    for (const Json& consumer : list_in(*report, "consumers")) {
      const auto stream = streams.find(text_in(consumer, "stream"));
      if (stream == streams.end()) continue;  // it left the topology: nothing of it is trimmed
      const Sidecar* owner = topology.owner_of(stream->first);
      if (owner == nullptr || owner->name != name) continue;  // it runs with another topology
      Standing& standing = standings[text_in(consumer, "consumer")][stream->first];
      standing.registered = &consumer;
      standing.stream = stream->second;
    }
  }
  return standings;
}

Json field(const Json* object, const char* key) {
  if (object == nullptr) return nullptr;
  const auto found = object->find(key);
  return found == object->end() ? Json() : *found;
}

Json entry_of(const Topology& topology, const ConsumersHeard& heard, const std::string& stream,
              const Standing& standing) {
  Json entry{{"stream", stream}, {"sidecar", nullptr}};
  // In an order of its own, so that all entries have it.
  for (const char* key :
       {"state", "incarnation", "cursor", "head", "lag", "start", "lost", "failed", "age_ms"})
    entry[key] = field(standing.own != nullptr ? standing.own : standing.registered, key);
  if (standing.own == nullptr) entry["head"] = field(standing.stream, "head");
  if (text_in(entry, "state") == "DIVERGED" && standing.registered != nullptr) {
    // Its own are of the log that it has read.
    entry["head"] = field(standing.stream, "head");
    entry["lag"] = field(standing.registered, "lag");
  }
  entry["in_topology"] = standing.in_topology;
  entry["registered"] = nullptr;
  entry["heard_ms"] = field(standing.registered, "heard_ms");
  if (const Sidecar* owner = topology.owner_of(stream); owner != nullptr) {
    entry["sidecar"] = owner->name;
    const auto report = heard.sidecars.find(owner->name);
    if (report != heard.sidecars.end() && report->second)
      entry["registered"] = standing.registered != nullptr;
  }
  return entry;
}

std::string cell(const Json& entry, const char* key) {
  const Json value = field(&entry, key);
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : print_json(value);
}

std::string health_of(const Json& entry) {
  Health health;
  health.add(text_in(entry, "state") == "DIVERGED", "diverged");
  const Json registered = field(&entry, "registered"), in_topology = field(&entry, "in_topology");
  health.add(registered.is_null() && !field(&entry, "sidecar").is_null(),
             "its sidecar does not answer");
  health.add(registered == false, "not registered");
  const auto silence = milliseconds_in(entry, "heard_ms");
  if (registered == true) health.add_silence(silence);
  health.add(number_in(entry, "lost").value_or(0) > 0, "lost");
  health.add(number_in(entry, "failed").value_or(0) > 0, "failed");
  health.add(in_topology == false, registered == true ? "not in the topology: `consumers forget`"
                                                      : "not in the topology");
  return health.text();
}

}  // namespace

Json consumer_list(const Topology& topology, const ConsumersHeard& heard) {
  auto standings = standings_of(topology, heard);
  Json all = Json::array();
  const auto add = [&](const std::string& consumer, const Standings& streams) {
    Json entries = Json::array();
    for (const auto& [stream, standing] : streams)
      entries.push_back(entry_of(topology, heard, stream, standing));
    const auto node = heard.nodes.find(consumer);
    all.push_back({{"consumer", consumer},
                   {"streams", std::move(entries)},
                   {"build", field(node == heard.nodes.end() ? nullptr : &node->second, "build")}});
  };
  for (const Node& node : topology.nodes) {
    if (const auto found = standings.extract(node.name)) add(node.name, found.mapped());
  }
  for (const auto& [consumer, streams] : standings) add(consumer, streams);
  for (const auto& [sidecar, report] : heard.sidecars) {
    if (!report) all.push_back({{"sidecar", sidecar}, {"error", report.error().message}});
  }
  return all;
}

std::vector<std::vector<std::string>> consumer_rows(const Json& list) {
  std::vector<std::vector<std::string>> rows{{"CONSUMER", "STREAM", "STATE", "CURSOR", "HEAD",
                                              "LAG", "LOST", "FAILED", "AGE MS", "HEARD",
                                              "HEALTH"}};
  for (const Json& consumer : list) {
    for (const Json& entry : list_in(consumer, "streams")) {
      std::vector<std::string> row{text_in(consumer, "consumer")};
      for (const char* key :
           {"stream", "state", "cursor", "head", "lag", "lost", "failed", "age_ms"})
        row.push_back(cell(entry, key));
      const auto silence = milliseconds_in(entry, "heard_ms");
      row.push_back(silence ? short_duration(*silence) : "");
      row.push_back(health_of(entry));
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace forebay
