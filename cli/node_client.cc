#include "cli/node_client.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/progress.h"
#include "cli/verb.h"
#include "common/base/limits.h"
#include "common/base/mailbox.h"
#include "topology/endpoints.h"
#include "topology/problem.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

Json sequences(const std::map<std::string, Sequence>& by_stream) {
  Json json = Json::object();
  for (const auto& [stream, sequence] : by_stream) json[stream] = sequence.value;
  return json;
}

}  // namespace

Result<const Node*> consumer_node(const Topology& topology, const std::string& name) {
  const Node* node = topology.node(name);
  if (node != nullptr && !node->subscribes.empty()) return node;
  std::vector<std::string_view> consumers;
  for (const Node& other : topology.nodes) {
    if (!other.subscribes.empty()) consumers.push_back(other.name);
  }
  return fail(ErrorCode::kBadInput,
              (node == nullptr ? "there is no node " + in_quotes(name)
                               : "node " + in_quotes(name) + " subscribes to nothing") +
                  "; " + mend_name(name, consumers, "no node of the topology subscribes"));
}

Result<std::unique_ptr<NodeClient>> NodeClient::connect(const Topology& topology,
                                                        const Node& node) {
  std::unique_ptr<NodeClient> client(
      new NodeClient(node.name, node_endpoints(topology, node).control));
  if (auto opened = client->open(); !opened) return fail(opened.error());
  return client;
}

/// A new socket: what was asked over the one before, and its answers, go with that.
Result<void> NodeClient::open() {
  dealer_.emplace(context_, SocketKind::kDealer, limits::kNodeControlHighWaterMessages);
  return dealer_->connect(endpoint_);
}

Result<Json> NodeClient::ask(const Json& request, milliseconds timeout) {
  const auto bytes = msgpack_from_json(request);
  if (!bytes) return fail(bytes.error());
  return exchange(*bytes, timeout);
}

Result<Json> NodeClient::exchange(std::string_view request, milliseconds timeout) {
  static_cast<void>(dealer_->send(Message(request)));
  Poller poller;
  poller.add(*dealer_);
  const auto deadline = Steady::now() + timeout;
  std::optional<Message> reply;
  while (!(reply = dealer_->receive_single())) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Steady::now());
    if (left <= milliseconds(0)) {
      return fail(ErrorCode::kTimeout,
                  "no answer from " + name_ + " at " + endpoint_ + ": is it running?");
    }
    poller.wait(left);
  }
  auto json = json_from_msgpack(reply->view());
  if (!json) return fail(json.error().in(name_));
  if (const auto error = json->find("error");
      error != json->end() && error->is_object() && !json->contains("running")) {
    return fail(error_code_from(error->value("code", "")),
                name_ + ": " + error->value("message", ""));
  }
  return *json;
}

Result<std::uint64_t> NodeClient::build_view(const std::string& view,
                                             const std::map<std::string, Sequence>& from,
                                             const std::map<std::string, Sequence>& until) {
  const auto started =
      ask({{"op", "build"}, {"view", view}, {"from", sequences(from)}, {"until", sequences(until)}},
          limits::kCommandTimeout);
  if (!started) return fail(started.error());
  const std::string build = started->value("build", "");
  Progress bar;
  Mailbox<char> never;
  Poller pause;
  pause.add(never.descriptor());
  std::uint64_t held_at = 0;
  auto moved = Steady::now();
  bool told = false;
  while (true) {
    const auto progress = this->progress();
    if (!progress) return fail(progress.error());
    if (progress->value("build", "") != build) {
      return fail(ErrorCode::kUnavailable,
                  name_ + " restarted meanwhile, and the view was not built: try again");
    }
    const auto applied = progress->value("applied", std::uint64_t{0});
    const auto total = progress->value("total", std::uint64_t{0});
    bar.show(applied, total, applied);
    if (applied != held_at) {
      held_at = applied;
      moved = Steady::now();
    } else if (!told && Steady::now() - moved > limits::kRequestTimeout) {
      told = true;
      notice(name_ + " has " + std::to_string(applied) + " of " + std::to_string(total) +
             " sequences, and waits: are all sidecars running? (It goes on without this command.)");
    }
    if (!progress->value("running", false)) {
      if (const auto error = progress->find("error"); error != progress->end()) {
        return fail(error_code_from(error->value("code", "")), error->value("message", ""));
      }
      return applied;
    }
    pause.wait(limits::kProgressInterval);
  }
}

/// Asked again if there is no answer: a node that restarts takes the request with it.
Result<Json> NodeClient::progress() {
  const auto deadline = Steady::now() + limits::kCommandTimeout;
  while (true) {
    auto progress = ask({{"op", "progress"}}, limits::kFetchTimeout);
    if (progress || progress.error().code != ErrorCode::kTimeout || Steady::now() >= deadline)
      return progress;
    if (auto opened = open(); !opened) return fail(opened.error());
  }
}

Result<ReplayOutcome> NodeClient::replay(const ReplayRequest& request) {
  const auto answer = exchange(encode_replay(request), limits::kCommandTimeout);
  if (!answer) return fail(answer.error());
  ReplayOutcome outcome;
  outcome.applied = answer->value("applied", std::uint64_t{0});
  for (const Json& each : answer->value("refused", Json::array())) {
    if (!each.is_array() || each.size() != 2 || !each[0].is_number_unsigned() ||
        !each[1].is_string()) {
      return fail(ErrorCode::kCorruption, name_ + ": an answer that cannot be read");
    }
    outcome.refused.push_back({Sequence{each[0].get<std::uint64_t>()}, each[1].get<std::string>()});
  }
  return outcome;
}

Result<std::unique_ptr<NodeClient>> reach_node(const Topology& topology, const Node& node) {
  const std::string endpoint = node_endpoints(topology, node).control;
  std::error_code ignored;
  // Who never ran here is not waited for.
  if (!std::filesystem::exists(endpoint.substr(std::string_view("ipc://").size()), ignored))
    return fail(ErrorCode::kNotFound, "there is no socket " + endpoint);
  return NodeClient::connect(topology, node);
}

Result<Json> node_status(const Topology& topology, const Node& node) {
  const auto client = reach_node(topology, node);
  if (!client) return fail(client.error());
  return (*client)->ask({{"op", "status"}}, limits::kStatusTimeout);
}

}  // namespace forebay
