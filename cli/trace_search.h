// Reads streams in search of what `forebay trace` is after. What could not be read is said of each
// stream: whatever a search does not find may be there.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/trace_match.h"
#include "cli/verb.h"
#include "common/base/clock.h"
#include "common/event/json_value.h"

namespace forebay {

struct TracedEvent {
  std::string sidecar, stream;
  Incarnation incarnation;
  Sequence sequence;
  ProducerId producer;
  WallTime published;  // the event's time
  WallTime committed;
  std::string type, subject;
  Attributes attributes;  // `id` among them
};

/// The moments between which events were committed, as resolve_position takes them.
struct TraceRange {
  std::string from;
  std::string to;  // not itself included
  std::optional<WallTime> from_time;
};
/// `start`, `end`, a time, or how long ago (`6h`); kBadInput for anything else, or an end before the
/// beginning.
[[nodiscard]] Result<TraceRange> trace_range(const std::string& from, const std::string& to,
                                             WallTime now);

struct TraceFound {
  std::vector<TracedEvent> events;  // in the order of their commits
  std::uint64_t read = 0;
  std::size_t streams = 0;          // that were searched
  std::vector<std::string> unread;  // what was not, and why
};

/// `reports`: what each sidecar says of itself (reports_of_all). A bar is shown on a terminal.
[[nodiscard]] TraceFound search_streams(const Globals& globals, const Topology& topology,
                                        const std::map<std::string, Result<Json>>& reports,
                                        const Sought& sought, const TraceRange& range);

}  // namespace forebay
