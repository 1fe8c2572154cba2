// `forebay consumers list`: where each consumer stands in each of its streams, as itself says where
// it answers, else as its sidecar heard last. The asking is consumers_verb.cc's.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/event/json_value.h"
#include "topology/topology.h"

namespace forebay {

struct ConsumersHeard {
  std::map<std::string, Result<Json>> sidecars;  // each one's report (parse_report), or why not
  std::map<std::string, Json> nodes;             // what nodes say of themselves (node_control.h)
};

/// As --json prints it (docs/cli.md): the consumers of the topology in its order, then registered
/// ones that it does not have; then the sidecars that did not answer.
[[nodiscard]] Json consumer_list(const Topology& topology, const ConsumersHeard& heard);

/// The same as a table.
[[nodiscard]] std::vector<std::vector<std::string>> consumer_rows(const Json& list);

}  // namespace forebay
