#include "cli/node_client.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"
#include "common/base/mailbox.h"
#include "common/wire/transport.h"
#include "topology/endpoints.h"

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

Result<const Node*> askable_node(const Topology& topology, const std::string& name) {
  const Node* node = topology.node(name);
  if (node == nullptr) return fail(ErrorCode::kNotFound, "no node '" + name + "' in this topology");
  if (node_endpoints(topology, *node).query.empty()) {
    return fail(ErrorCode::kBadInput, "node '" + name + "' is of kind " +
                                          std::string(to_string(node->kind)) +
                                          ", which keeps no view that could be asked for");
  }
  return node;
}

Result<Json> ask_node(const Topology& topology, const Node& node, const Json& request,
                      milliseconds timeout) {
  const std::string endpoint = node_endpoints(topology, node).query;
  auto bytes = msgpack_from_json(request);
  if (!bytes) return fail(bytes.error());
  Context context;
  Socket dealer(context, SocketKind::kDealer, limits::kControlHighWaterMessages);
  if (auto connected = dealer.connect(endpoint); !connected) return fail(connected.error());
  static_cast<void>(dealer.send(Message(std::string_view(*bytes))));
  Poller poller;
  poller.add(dealer);
  const auto deadline = Steady::now() + timeout;
  std::optional<Message> reply;
  while (!(reply = dealer.receive_single())) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Steady::now());
    if (left <= milliseconds(0)) {
      return fail(ErrorCode::kTimeout,
                  "no answer from " + node.name + " at " + endpoint + ": is it running?");
    }
    poller.wait(left);
  }
  auto json = json_from_msgpack(reply->view());
  if (!json) return fail(json.error().in(node.name));
  if (const auto error = json->find("error");
      error != json->end() && error->is_object() && !json->contains("running")) {
    return fail(error_code_from(error->value("code", "")),
                node.name + ": " + error->value("message", ""));
  }
  return *json;
}

Result<std::uint64_t> build_view(const Topology& topology, const Node& node,
                                 const std::string& view,
                                 const std::map<std::string, Sequence>& from,
                                 const std::map<std::string, Sequence>& until) {
  const Json request{
      {"op", "build"}, {"view", view}, {"from", sequences(from)}, {"until", sequences(until)}};
  if (auto started = ask_node(topology, node, request, limits::kCommandTimeout); !started)
    return fail(started.error());
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  Context context;
  Poller pause;
  Mailbox<char> never;
  pause.add(never.descriptor());
  while (true) {
    auto progress = ask_node(topology, node, {{"op", "progress"}}, limits::kCommandTimeout);
    if (!progress) return fail(progress.error());
    const auto applied = progress->value("applied", std::uint64_t{0});
    const auto total = progress->value("total", std::uint64_t{0});
    if (terminal) {
      std::fprintf(stderr, "\r%s: %llu of %llu", node.name.c_str(),
                   static_cast<unsigned long long>(applied),
                   static_cast<unsigned long long>(total));
    }
    if (!progress->value("running", false)) {
      if (terminal) std::fputs("\r\033[K", stderr);
      if (const auto error = progress->find("error"); error != progress->end()) {
        return fail(error_code_from(error->value("code", "")), error->value("message", ""));
      }
      return applied;
    }
    pause.wait(limits::kProgressInterval);
  }
}

}  // namespace forebay
