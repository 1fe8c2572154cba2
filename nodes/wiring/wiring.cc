#include "nodes/wiring/wiring.h"

#include <algorithm>
#include <map>
#include <string>

#include "common/wire/secret_file.h"
#include "topology/endpoints.h"
#include "topology/problem.h"

namespace forebay {
namespace {

Result<const Node*> find_node(const Topology& topology, std::string_view name) {
  if (const Node* node = topology.node(name)) return node;
  std::vector<std::string_view> known;
  for (const Node& node : topology.nodes) known.push_back(node.name);
  return fail(ErrorCode::kBadInput,
              "there is no node " + in_quotes(name) + "; " +
                  mend_name(name, known, "add [nodes." + std::string(name) + "] to the topology"));
}

SubscriptionStart start_of(const Start& start) {
  switch (start.from) {
    case Start::From::kEarliest:
      return {"earliest", {}};
    case Start::From::kLatest:
      return {"latest", {}};
    case Start::From::kTime:
      return {"time", start.time};
  }
  return {};
}

}  // namespace

Result<Consumer::Options> consumer_options(const Topology& topology, std::string_view name) {
  const auto node = find_node(topology, name);
  if (!node) return fail(node.error());
  if ((*node)->subscribes.empty()) {
    return fail(ErrorCode::kBadInput, "node " + in_quotes(name) +
                                          " subscribes to nothing; add subscribes = [\"STREAM\"]");
  }
  std::map<std::string, SidecarLink> links;  // by sidecar
  for (const Interest& interest : (*node)->subscribes) {
    const Sidecar* owner = topology.owner_of(interest.stream);
    const auto endpoints = endpoints_for(topology, (*node)->host, *owner);
    if (!endpoints) return fail(endpoints.error());
    SidecarLink& link = links[owner->name];
    link.control = endpoints->control;
    link.broadcast = endpoints->broadcast;
    if (!endpoints->server_keys.empty()) {
      // The topology's checks have seen to it that both ends have keys, or neither.
      auto own = read_listed_secret(secret_path(state_folder(topology, name)), (*node)->name,
                                    topology.keys_of(name)->keys);
      if (!own) return fail(own.error());
      link.credentials = Credentials{std::move(*own), endpoints->server_keys};
    }
    link.streams.emplace_back(interest.stream, start_of(interest.start));
  }
  Consumer::Options options{.name = (*node)->name,
                            .state_dir = state_folder(topology, name),
                            .links = {},
                            .control = node_endpoints(topology, **node).control,
                            .takes_replays = (*node)->replay};
  for (auto& [sidecar, link] : links) options.links.push_back(std::move(link));
  return options;
}

Result<Publisher::Options> publisher_options(const Topology& topology, std::string_view name,
                                             std::string_view stream) {
  const auto node = find_node(topology, name);
  if (!node) return fail(node.error());
  const auto& publishes = (*node)->publishes;
  if (std::find(publishes.begin(), publishes.end(), stream) == publishes.end()) {
    return fail(ErrorCode::kBadInput, "node " + in_quotes(name) + " does not publish " +
                                          in_quotes(stream) + "; add it to its publishes");
  }
  const auto endpoints = endpoints_for(topology, (*node)->host, *topology.owner_of(stream));
  if (!endpoints) return fail(endpoints.error());
  return Publisher::Options{.ingest = endpoints->ingest,
                            .control = endpoints->control,
                            .stream = std::string(stream),
                            .name = (*node)->name,
                            .source = "/" + (*node)->name};
}

}  // namespace forebay
