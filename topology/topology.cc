#include "topology/topology.h"

#include <algorithm>

namespace forebay {
namespace {

template <class T>
const T* named(const std::vector<T>& things, std::string_view name) {
  const auto found = std::find_if(things.begin(), things.end(),
                                  [&](const T& thing) { return thing.name == name; });
  return found == things.end() ? nullptr : &*found;
}

}  // namespace

const Host* Topology::host(std::string_view host_name) const { return named(hosts, host_name); }

const Sidecar* Topology::sidecar(std::string_view sidecar_name) const {
  return named(sidecars, sidecar_name);
}

const Node* Topology::node(std::string_view node_name) const { return named(nodes, node_name); }

const Identity* Topology::keys_of(std::string_view owner) const { return named(keys, owner); }

const Sidecar* Topology::owner_of(std::string_view stream) const {
  for (const Sidecar& sidecar : sidecars) {
    if (named(sidecar.streams, stream) != nullptr) return &sidecar;
  }
  return nullptr;
}

std::vector<std::string_view> Topology::stream_names() const {
  std::vector<std::string_view> names;
  for (const Sidecar& sidecar : sidecars) {
    for (const Stream& stream : sidecar.streams) names.push_back(stream.name);
  }
  return names;
}

std::string_view to_string(NodeKind kind) {
  switch (kind) {
    case NodeKind::kFeed:
      return "feed";
    case NodeKind::kSourcing:
      return "sourcing";
    case NodeKind::kService:
      break;
  }
  return "service";
}

std::string to_string(const Start& start) {
  switch (start.from) {
    case Start::From::kEarliest:
      return "earliest";
    case Start::From::kLatest:
      return "latest";
    case Start::From::kTime:
      break;
  }
  return to_rfc3339(start.time);
}

}  // namespace forebay
