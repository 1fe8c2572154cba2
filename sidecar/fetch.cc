#include "sidecar/fetch.h"

#include <algorithm>
#include <optional>

#include "common/wire/records_frame.h"

namespace forebay {
namespace {

std::optional<StreamIndex> stream_named(const Log& log, std::string_view name) {
  for (std::size_t i = 0; i < log.stream_count(); ++i) {
    if (log.stream_name({i}) == name) return StreamIndex{i};
  }
  return std::nullopt;
}

Outgoing no_such_stream(const Peer& peer, const std::string& name) {
  return {
      peer,
      ErrorReply{ErrorCode::kNotFound, "no stream '" + name.substr(0, 64) + "' in this sidecar"},
      {}};
}

/// Gathers whole batches from `from` on until the limits or damage end it.
struct Gathering {
  const Fetch& request;
  Sequence end_of_stream;
  std::uint64_t bytes_max;
  std::string bytes;
  Sequence next = request.from;
  bool diverged = false;
  std::optional<std::pair<Sequence, std::uint64_t>>
      damaged;  // the first batch: where, and how many sequences

  /// Keys that are damaged themselves say little: the range holds at least what was asked for, and
  /// ends with the stream.
  void tell_damage(Sequence begin, Sequence end) {
    begin = std::min(begin, request.from);
    end = std::clamp(end, request.from + 1, end_of_stream);
    damaged.emplace(begin, end.value - begin.value);
  }

  bool operator()(const Log::Snapshot::Stored& stored) {
    const bool first = bytes.empty();
    // What was to come is not there, where a page is damaged that led to it.
    const bool missing = stored.first > (first ? request.from : next);
    if (!stored.batch || missing) {
      if (first)
        tell_damage(missing ? request.from : stored.first, missing ? stored.first : stored.next);
      return false;
    }
    const BatchHeader& header = stored.batch->header();
    if (first && request.checksum != 0) {
      const std::uint64_t before =
          stored.first < request.from ? header.checksum : header.place.previous_checksum;
      if (before != request.checksum) {
        diverged = true;
        return false;
      }
    }
    if (!first && bytes.size() + stored.bytes.size() > bytes_max) return false;
    if (!first) bytes.reserve(bytes_max);  // once, in place of growing through copies
    bytes.append(stored.bytes);
    next = header.next();
    return request.to.value == 0 || next < request.to;
  }
};

}  // namespace

Result<Outgoing> serve_fetch(const Log& log, const Peer& peer, const Fetch& request,
                             std::uint64_t bytes_max) {
  const auto index = stream_named(log, request.stream);
  if (!index) return no_such_stream(peer, request.stream);
  if (request.from.value == 0 || (request.to.value != 0 && request.to < request.from)) {
    return Outgoing{
        peer, ErrorReply{ErrorCode::kBadInput, "\"from\" is at least 1 and at most \"to\""}, {}};
  }
  const Log::Snapshot snapshot = log.snapshot();
  const auto stream = snapshot.stream(*index);
  if (!stream) return fail(stream.error());
  const auto diverged = [&](std::string message) {
    return Outgoing{
        peer,
        Diverged{request.stream, stream->incarnation, stream->head(), std::move(message)},
        {}};
  };
  if (!request.incarnation.none() && request.incarnation != stream->incarnation) {
    return diverged("the log's incarnation is " + stream->incarnation.hex() + ", not " +
                    request.incarnation.hex());
  }
  if (request.from > stream->next) {
    return diverged("the log ends at " + std::to_string(stream->head().value) + ", before " +
                    std::to_string(request.from.value) + ": it was rolled back");
  }
  if (request.from < stream->oldest) {
    return Outgoing{
        peer, Trimmed{request.stream, stream->incarnation, stream->oldest, stream->head()}, {}};
  }
  Gathering gathering{request,
                      stream->next,
                      request.bytes == 0 ? bytes_max : std::min(request.bytes, bytes_max),
                      {},
                      request.from,
                      false,
                      std::nullopt};
  if (request.from == stream->next) {
    gathering.diverged = request.checksum != 0 && request.checksum != stream->last_checksum;
  } else if (request.from != request.to) {
    const auto scanned =
        snapshot.scan(*index, request.from, [&](const auto& stored) { return gathering(stored); });
    if (!scanned && scanned.error().code != ErrorCode::kCorruption) return fail(scanned.error());
    if (gathering.bytes.empty() && !gathering.damaged && !gathering.diverged) {
      gathering.tell_damage(request.from,
                            scanned ? stream->next  // nothing is there any more
                                    : log.first_readable(*index, request.from, stream->next));
    }
  }
  if (gathering.diverged) {
    return diverged("the batch before " + std::to_string(request.from.value) +
                    " is not the one that was read");
  }
  if (gathering.damaged) {
    return Outgoing{peer,
                    Corrupt{request.stream, stream->incarnation, gathering.damaged->first,
                            gathering.damaged->second},
                    {}};
  }
  const Sequence end = request.to.value == 0 ? stream->next : std::min(request.to, stream->next);
  return Outgoing{peer,
                  Batches{request.stream, stream->incarnation, gathering.next, gathering.next < end,
                          stream->head(), stream->oldest},
                  std::move(gathering.bytes)};
}

Result<Outgoing> serve_records(const Log& log, const Peer& peer) {
  const auto records = log.snapshot().records();
  if (!records) return fail(records.error());
  std::string bytes;
  for (const auto& [key, value] : *records) append_record(bytes, {key, value});
  return Outgoing{peer, Records{records->size()}, std::move(bytes)};
}

Result<Outgoing> serve_find(const Log& log, const Peer& peer, const Find& request) {
  const auto index = stream_named(log, request.stream);
  if (!index) return no_such_stream(peer, request.stream);
  const Log::Snapshot snapshot = log.snapshot();
  const auto stream = snapshot.stream(*index);
  if (!stream) return fail(stream.error());
  const auto found = snapshot.find_time(*index, wall_from_unix_ns(request.time_ns));
  if (!found) {
    if (found.error().code != ErrorCode::kCorruption) return fail(found.error());
    return Outgoing{peer, ErrorReply{ErrorCode::kCorruption, found.error().message}, {}};
  }
  return Outgoing{
      peer, Found{request.stream, stream->incarnation, *found, stream->head(), stream->oldest}, {}};
}

}  // namespace forebay
