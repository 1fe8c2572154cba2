// Asks a consumer node, over its own socket, what operators may ask (common/client/node_control.h).
#pragma once

#include <chrono>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/event/json_value.h"
#include "topology/topology.h"

namespace forebay {

/// The node of that name, which must be of a kind that can be asked; kNotFound, kBadInput.
[[nodiscard]] Result<const Node*> askable_node(const Topology& topology, const std::string& name);

/// One request and its answer. An answer that is an error comes as that; kTimeout if there is none.
[[nodiscard]] Result<Json> ask_node(const Topology& topology, const Node& node, const Json& request,
                                    std::chrono::milliseconds timeout);

/// Asks the node to build a view (`view`; empty: a rebuild of the live one) and waits for its end,
/// with a progress line on a terminal. Returns how many sequences it went through.
[[nodiscard]] Result<std::uint64_t> build_view(const Topology& topology, const Node& node,
                                               const std::string& view,
                                               const std::map<std::string, Sequence>& from,
                                               const std::map<std::string, Sequence>& until);

}  // namespace forebay
