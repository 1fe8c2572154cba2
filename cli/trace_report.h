// `forebay trace` as text: what became of each event at each consumer, as the consumer itself says, else
// as its sidecar heard last; as a table, and in JSON. The asking is trace_verb.cc's.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/trace_search.h"
#include "topology/topology.h"

namespace forebay {

/// By consumer and stream, what it answered to `applied` (node_control.h); absent: nothing.
using AppliedAnswers = std::map<std::pair<std::string, std::string>, Json>;

/// An event at a consumer.
struct ConsumerFate {
  std::string consumer;
  /// As in node_control.h, or diverged (the consumer has read another log), passed (it had come past it
  /// when its sidecar heard last: applied, refused or lost) or not_registered.
  std::string state;
  std::optional<WallTime> applied = {};   // when, if that is known
  std::optional<WallTime> no_later = {};  // else
  std::optional<std::uint64_t> lag = {};  // events it has yet to apply, of the stream
  std::string reason = {};
  bool answered = true;  // itself
};

/// At the consumers of the topology in its order, then at others that are registered.
[[nodiscard]] std::vector<ConsumerFate> consumer_fates(const Topology& topology, const Json& report,
                                                       const AppliedAnswers& answers,
                                                       const TracedEvent& event);

/// As --json prints it (docs/cli.md).
[[nodiscard]] Json trace_json(const TracedEvent& event, const std::string& producer,
                              const std::vector<ConsumerFate>& fates);

struct TraceLine {
  TracedEvent event;
  std::string producer;  // its name; empty: it has none, or it is not known
  std::vector<ConsumerFate> fates;
};
/// A row an event; its first consumer stands in it, further ones below it.
[[nodiscard]] std::vector<std::vector<std::string>> trace_rows(const std::vector<TraceLine>& lines);

/// The name of a producer in a sidecar's report.
[[nodiscard]] std::string producer_name(const Json& report, ProducerId id);

/// "+850us", "-3.0s".
[[nodiscard]] std::string signed_duration(Nanoseconds duration);

}  // namespace forebay
