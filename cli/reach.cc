#include "cli/reach.h"

#include "topology/problem.h"

namespace forebay {

Result<ClientEndpoints> reach_stream(const Topology& topology, const std::string& stream) {
  const Sidecar* owner = topology.owner_of(stream);
  if (owner == nullptr) {
    return fail(ErrorCode::kBadInput,
                "there is no stream " + in_quotes(stream) + "; " +
                    mend_name(stream, topology.stream_names(), "the topology has none"));
  }
  return endpoints_for(topology, owner->host, *owner);
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
