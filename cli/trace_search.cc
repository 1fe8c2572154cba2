#include "cli/trace_search.h"

#include <algorithm>
#include <memory>
#include <tuple>

#include "cli/progress.h"
#include "cli/reach.h"
#include "common/base/limits.h"
#include "common/client/range_reader.h"
#include "common/event/event_codec.h"
#include "common/event/json_fields.h"
#include "topology/units.h"

namespace forebay {
namespace {

/// A stream's part of the range.
struct Part {
  const Sidecar* sidecar;
  ControlClient* client;
  RangeReader::Range range;
};

/// When a stream's last event was committed, by its sidecar's report.
std::optional<WallTime> last_commit(const Json& report, const std::string& stream) {
  for (const Json& each : list_in(report, "streams")) {
    if (text_in(each, "stream") != stream) continue;
    const auto time = from_rfc3339(text_in(each, "commit_time"));
    return time ? std::optional(*time) : std::nullopt;
  }
  return std::nullopt;
}

class Search {
 public:
  Search(const Sought& sought, const TraceRange& range) : sought_(sought), range_(range) {}

  void resolve(const Sidecar& sidecar, const Json& report, ControlClient& client,
               const std::string& stream) {
    const auto from = resolve_position(client, stream, range_.from, limits::kRequestTimeout);
    if (!from) return miss(stream, from.error().message);
    const auto to = resolve_position(client, stream, range_.to, limits::kRequestTimeout);
    if (!to) return miss(stream, to.error().message);
    // Where the range begins before what is held, it may hold what was trimmed.
    const auto last = last_commit(report, stream);
    const bool all_before = last && range_.from_time && *last < *range_.from_time;
    if (from->oldest > Sequence{1} && from->sequence == from->oldest && !all_before) {
      miss(stream, "what was committed before sequence " + std::to_string(from->oldest.value) +
                       " is trimmed, and may lie in the range");
    }
    ++found_.streams;
    if (to->sequence <= from->sequence) return;
    total_ += to->sequence.value - from->sequence.value;
    parts_.push_back(
        {&sidecar, &client, {stream, from->sequence, to->sequence, from->incarnation}});
  }

  void read_all() {
    for (const Part& part : parts_) {
      if (!read(part)) break;
    }
    std::sort(found_.events.begin(), found_.events.end(),
              [](const TracedEvent& one, const TracedEvent& other) {
                return std::tie(one.committed, one.stream, one.sequence) <
                       std::tie(other.committed, other.stream, other.sequence);
              });
  }

  void miss(const std::string& where, const std::string& why) {
    found_.unread.push_back(where + ": " + why);
  }
  [[nodiscard]] TraceFound take() { return std::move(found_); }

 private:
  /// False once too many match.
  [[nodiscard]] bool read(const Part& part) {
    RangeReader reader(*part.client, part.range);
    while (true) {
      const auto piece = reader.next(limits::kRequestTimeout);
      if (!piece) {
        miss(part.range.stream, "not read from sequence " +
                                    std::to_string(reader.position().value) +
                                    " on: " + piece.error().message);
        return true;
      }
      if (!*piece) return true;
      if (const auto* missing = std::get_if<RangeReader::Missing>(&**piece)) {
        miss(part.range.stream, std::to_string(missing->count) + " events from sequence " +
                                    std::to_string(missing->first.value) +
                                    " on are not in the log: " + missing->reason);
        done_ += missing->count;
      } else if (!look(part, std::get<RangeReader::Events>(**piece))) {
        miss(part.range.stream,
             "more than " + std::to_string(limits::kTracedEventsMax) +
                 " events match: neither the rest of it nor what comes after it was read; say a "
                 "shorter range");
        return false;
      }
      bar_.show(done_, total_, found_.read);
    }
  }

  /// False once there are too many.
  bool look(const Part& part, const RangeReader::Events& events) {
    const BatchHeader& header = events.batch.header();
    const std::string& stream = part.range.stream;
    EventRecords records = events.batch.events();
    done_ += events.count;
    for (std::uint64_t index = 0; index < events.skip + events.count; ++index) {
      const auto encoded = records.next();
      if (!encoded) break;
      if (index < events.skip) continue;
      ++found_.read;
      if (!sought_.may_be(stream, header, index, events.batch.shared(), *encoded)) continue;
      const auto event = decode_event(*encoded, events.batch.shared());
      if (!event) {
        miss(stream, "the event at sequence " + std::to_string((header.first() + index).value) +
                         " cannot be read: " + event.error().message);
        continue;
      }
      if (!sought_.is(stream, header, index, *event)) continue;
      if (found_.events.size() == limits::kTracedEventsMax) return false;
      Attributes attributes = event->all_attributes();
      if (!event->text_attribute("id"))
        attributes.insert_or_assign("id", derived_event_id(header, index));
      found_.events.push_back({part.sidecar->name, stream, header.origin.incarnation,
                               header.first() + index, header.origin.producer, event->time,
                               header.place.commit_time, std::string(event->type),
                               std::string(event->subject), std::move(attributes)});
    }
    return true;
  }

  const Sought& sought_;
  const TraceRange& range_;
  TraceFound found_;
  std::vector<Part> parts_;
  std::uint64_t total_ = 0, done_ = 0;
  Progress bar_;
};

Result<std::string> moment(const std::string& text, WallTime now) {
  if (text == "start" || text == "end") return text;
  if (from_rfc3339(text)) return text;
  if (const auto ago = parse_duration(text); ago && *ago < now.time_since_epoch())
    return to_rfc3339(now - *ago);
  return fail(ErrorCode::kBadInput, "'" + text.substr(0, 80) +
                                        "' is no moment: expected start, end, a time such as "
                                        "2026-03-01T09:30:00Z, or how long ago, such as 6h");
}

}  // namespace

Result<TraceRange> trace_range(const std::string& from, const std::string& to, WallTime now) {
  auto begin = moment(from, now);
  if (!begin) return fail(begin.error().in("--from"));
  auto end = moment(to, now);
  if (!end) return fail(end.error().in("--to"));
  const auto begin_time = from_rfc3339(*begin), end_time = from_rfc3339(*end);
  const bool ordered =
      *begin == "start" || *end == "end" || (begin_time && end_time && *begin_time < *end_time);
  if (!ordered) return fail(ErrorCode::kBadInput, "--to does not lie after --from");
  return TraceRange{std::move(*begin), std::move(*end),
                    begin_time ? std::optional(*begin_time) : std::nullopt};
}

TraceFound search_streams(const Globals& globals, const Topology& topology,
                          const std::map<std::string, Result<Json>>& reports, const Sought& sought,
                          const TraceRange& range) {
  Search search(sought, range);
  std::vector<std::unique_ptr<ControlClient>> clients;
  for (const Sidecar& sidecar : topology.sidecars) {
    const Result<Json>& report = reports.at(sidecar.name);
    auto client = [&]() -> Result<std::unique_ptr<ControlClient>> {
      if (!report) return fail(report.error());
      const auto reached = reach(globals, topology, sidecar);
      if (!reached) return fail(reached.error());
      return reached->control();
    }();
    for (const Stream& stream : sidecar.streams) {
      if (client) {
        search.resolve(sidecar, *report, **client, stream.name);
      } else {
        search.miss(stream.name, client.error().message);
      }
    }
    if (client) clients.push_back(std::move(*client));
  }
  search.read_all();
  return search.take();
}

}  // namespace forebay
