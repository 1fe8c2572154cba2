// Asks a consumer node, over its control socket, what operators may ask
// (common/client/node_control.h).
//
//   auto client = NodeClient::connect(topology, "sourcing-1");
//   const auto status = client->ask({{"op", "status"}}, limits::kStatusTimeout);
//
// For one thread.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/client/replay.h"
#include "common/event/json_value.h"
#include "common/wire/transport.h"
#include "topology/topology.h"

namespace forebay {

/// The node of that name if it subscribes to anything; else kBadInput, which says what would do.
[[nodiscard]] Result<const Node*> consumer_node(const Topology& topology, const std::string& name);

class NodeClient {
 public:
  /// `node` is of consumer_node. The process need not be up.
  [[nodiscard]] static Result<std::unique_ptr<NodeClient>> connect(const Topology& topology,
                                                                   const Node& node);

  /// One request and its answer. An answer that is an error comes as that; kTimeout if there is
  /// none, and the client is of no more use then.
  [[nodiscard]] Result<Json> ask(const Json& request, std::chrono::milliseconds timeout);

  /// Has a view built (`view`; empty: the live one anew) and waits for its end, with a bar on a
  /// terminal. Returns how many sequences it went through.
  [[nodiscard]] Result<std::uint64_t> build_view(const std::string& view,
                                                 const std::map<std::string, Sequence>& from,
                                                 const std::map<std::string, Sequence>& until);

  /// Has the handler see events of one batch again.
  [[nodiscard]] Result<ReplayOutcome> replay(const ReplayRequest& request);

 private:
  NodeClient(std::string name, std::string endpoint)
      : name_(std::move(name)), endpoint_(std::move(endpoint)) {}
  [[nodiscard]] Result<void> open();
  [[nodiscard]] Result<Json> exchange(std::string_view request, std::chrono::milliseconds timeout);
  [[nodiscard]] Result<Json> progress();

  std::string name_;
  std::string endpoint_;
  Context context_;
  std::optional<Socket> dealer_;
};

/// Like NodeClient::connect; kNotFound, at once, where the node has no socket on this host: it never ran
/// here.
[[nodiscard]] Result<std::unique_ptr<NodeClient>> reach_node(const Topology& topology,
                                                             const Node& node);

/// What a consumer node says of itself, as reach_node finds it.
[[nodiscard]] Result<Json> node_status(const Topology& topology, const Node& node);

}  // namespace forebay
