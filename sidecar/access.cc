#include "sidecar/access.h"

#include "common/wire/transport.h"

namespace forebay {
namespace {

tl::unexpected<Error> forbidden(std::string_view user, const std::string& what) {
  return fail(ErrorCode::kForbidden, "'" + std::string(user) + "' " + what);
}

}  // namespace

Access::Access(const Topology& topology, const Sidecar& sidecar) {
  for (const Node& node : topology.nodes) {
    for (const Interest& interest : node.subscribes) {
      if (topology.owner_of(interest.stream) == &sidecar)
        rights_[node.name].reads.insert(interest.stream);
    }
  }
  for (const Identity& person : topology.operators) {
    Rights& rights = rights_[person.name];
    rights.operates = true;
    for (const Stream& stream : sidecar.streams) rights.reads.insert(stream.name);
  }
}

Result<void> Access::may_read(std::string_view user, const Rights& rights,
                              const std::string& stream) const {
  if (rights.reads.contains(stream)) return {};
  std::string may;
  for (const std::string& each : rights.reads) may += (may.empty() ? "" : ", ") + each;
  return forbidden(user, "may not read stream '" + stream.substr(0, 64) + "' here, only " + may +
                             (rights.operates ? ": ask the sidecar that has it"
                                              : ": add it to the node's subscribes in the topology "
                                                "of this sidecar, and reload it"));
}

Result<void> Access::check(std::string_view user, const Request& request) const {
  const auto found = rights_.find(user);
  if (found == rights_.end())
    return forbidden(
        user,
        "has nothing to do with this sidecar: it subscribes to none of its streams; add one "
        "to its subscribes in the topology");
  const Rights& rights = found->second;
  const auto as_consumer = [&](const auto& body) -> Result<void> {
    if (rights.operates)
      return forbidden(user, "is an operator and no consumer: it has no cursor here");
    if (body.consumer != user)
      return forbidden(user, "may not speak for consumer '" + body.consumer.substr(0, 64) +
                                 "', only for itself");
    return may_read(user, rights, body.stream);
  };
  if (const auto* body = std::get_if<Subscribe>(&request)) return as_consumer(*body);
  if (const auto* body = std::get_if<CursorReport>(&request)) return as_consumer(*body);
  if (const auto* body = std::get_if<Fetch>(&request)) return may_read(user, rights, body->stream);
  if (const auto* body = std::get_if<Find>(&request)) return may_read(user, rights, body->stream);
  const bool publishes = std::holds_alternative<Register>(request) ||
                         std::holds_alternative<Keepalive>(request) ||
                         std::holds_alternative<Goodbye>(request);
  if (publishes)
    return forbidden(user,
                     "may not publish from another host: publishers talk to a sidecar beside them");
  if (!rights.operates)
    return forbidden(user, "is no operator: put a key under [operators] for that");
  return {};
}

bool Access::may_hear(std::string_view user, std::string_view topic) const {
  const auto found = rights_.find(user);
  if (found == rights_.end()) return false;
  const std::string_view stream = topic.substr(0, topic.find('\0'));
  return topic == broadcast_topic(stream) && found->second.reads.contains(std::string(stream));
}

}  // namespace forebay
