// From a node's name in the topology to the options of its Consumer and its Publishers: whom it
// connects to, where it keeps its files. The client library itself knows endpoints, no topology.
//
//   const auto topology = load_topology(path);
//   auto options = consumer_options(*topology, "audit");
//   const auto lock = StateLock::take(options->state_dir);
//   auto consumer = Consumer::open(std::move(*options), handler);
#pragma once

#include <string_view>

#include "common/base/result.h"
#include "common/client/consumer.h"
#include "common/client/publisher.h"
#include "topology/topology.h"

namespace forebay {

/// Name, folder, links and control socket of a node that subscribes. kBadInput names what the
/// topology lacks.
[[nodiscard]] Result<Consumer::Options> consumer_options(const Topology& topology,
                                                         std::string_view node);

/// The node as a named producer of one of the streams it publishes, its name the source of its
/// events. kBadInput as above.
[[nodiscard]] Result<Publisher::Options> publisher_options(const Topology& topology,
                                                           std::string_view node,
                                                           std::string_view stream);

}  // namespace forebay
