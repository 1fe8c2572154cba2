#include "common/client/replay.h"

#include "common/base/limits.h"
#include "common/event/event_codec.h"
#include "common/event/msgpack_cursor.h"
#include "common/event/msgpack_out.h"

namespace forebay {
namespace {

constexpr std::string_view kOp = "replay";
constexpr std::uint32_t kFields = 6;

tl::unexpected<Error> unreadable(const std::string& what) {
  return fail(ErrorCode::kBadInput, "a replay's " + what);
}

/// As the int64 of the same bits, which is what MsgpackCursor reads.
void pack_bits(MsgpackPacker& pack, std::uint64_t value) {
  pack.pack_int64(static_cast<std::int64_t>(value));
}

bool read_batch(MsgpackCursor& cursor, ReplayRequest& request) {
  if (cursor.array() != 3) return false;
  std::uint64_t* const numbers[] = {&request.producer.value, &request.producer_sequence.value,
                                    &request.first.value};
  for (std::uint64_t* number : numbers) {
    const auto bits = cursor.integer();
    if (!bits) return false;
    *number = static_cast<std::uint64_t>(*bits);
  }
  return true;
}

Result<std::vector<ReplayRequest::Event>> read_events(MsgpackCursor& cursor) {
  const auto count = cursor.array();
  if (!count || *count > limits::kBatchEventsMax)
    return unreadable("\"events\" are no list of a batch's events");
  std::vector<ReplayRequest::Event> events;
  events.reserve(*count);
  for (std::size_t i = 0; i < *count; ++i) {
    const bool pair = cursor.array() == 2;
    const auto sequence = pair ? cursor.integer() : std::nullopt;
    const auto encoded = sequence ? cursor.any() : std::nullopt;
    if (!encoded || *sequence < 1) return unreadable("event is not [sequence, event]");
    events.push_back({Sequence{static_cast<std::uint64_t>(*sequence)}, *encoded});
  }
  return events;
}

}  // namespace

std::string encode_replay(const ReplayRequest& request) {
  std::string bytes;
  MsgpackOut out{bytes};
  MsgpackPacker pack(out);
  const auto raw = [&](std::string_view encoded) { out.write(encoded.data(), encoded.size()); };
  pack.pack_map(kFields);
  pack_text(pack, "op");
  pack_text(pack, kOp);
  pack_text(pack, "stream");
  pack_text(pack, request.stream);
  pack_text(pack, "time");
  pack.pack_int64(unix_ns(request.commit_time));
  pack_text(pack, "shared");
  raw(request.shared);
  pack_text(pack, "batch");
  pack.pack_array(3);
  pack_bits(pack, request.producer.value);
  pack_bits(pack, request.producer_sequence.value);
  pack_bits(pack, request.first.value);
  pack_text(pack, "events");
  pack.pack_array(static_cast<std::uint32_t>(request.events.size()));
  for (const ReplayRequest::Event& event : request.events) {
    pack.pack_array(2);
    pack.pack_uint64(event.sequence.value);
    raw(event.encoded);
  }
  return bytes;
}

bool is_replay(std::string_view bytes) {
  MsgpackCursor cursor(bytes);
  return cursor.map() && cursor.text() == "op" && cursor.text() == kOp;
}

Result<ReplayRequest> decode_replay(std::string_view bytes) {
  MsgpackCursor cursor(bytes);
  if (cursor.map() != kFields || cursor.text() != "op" || cursor.text() != kOp) {
    return unreadable("request has other fields than op, stream, time, shared, batch, events");
  }
  ReplayRequest request;
  const auto stream = cursor.text() == "stream" ? cursor.text() : std::nullopt;
  if (!stream) return unreadable("\"stream\" is no text");
  const auto time = cursor.text() == "time" ? cursor.integer() : std::nullopt;
  if (!time) return unreadable("\"time\" is no integer");
  const auto shared = cursor.text() == "shared" ? cursor.any() : std::nullopt;
  if (!shared || !check_attributes(*shared)) return unreadable("\"shared\" are no attributes");
  request.stream = *stream;
  request.commit_time = wall_from_unix_ns(*time);
  request.shared = *shared;
  if (cursor.text() != "batch" || !read_batch(cursor, request))
    return unreadable("\"batch\" is not [producer, producer sequence, first sequence]");
  if (cursor.text() != "events") return unreadable("\"events\" are not there");
  auto events = read_events(cursor);
  if (!events) return fail(events.error());
  if (!cursor.at_end()) return unreadable("request goes on after its end");
  request.events = std::move(*events);
  return request;
}

ReplayOutcome replay_events(Handler& handler, Store& store, const ReplayRequest& request) {
  ReplayOutcome outcome;
  WriteTransaction nowhere = store.write();  // ends without a commit
  ViewWriter writer(nowhere);
  for (const ReplayRequest::Event& each : request.events) {
    const Result<EventView> event = decode_event(each.encoded, request.shared);
    Result<void> accepted;
    if (event) {
      accepted =
          handler.apply(*event,
                        {request.stream, each.sequence, request.commit_time, true, request.producer,
                         request.producer_sequence, each.sequence.value - request.first.value},
                        writer);
    } else {
      accepted = fail(event.error());
    }
    writer.refuse();
    if (accepted) {
      ++outcome.applied;
    } else {
      outcome.refused.push_back(
          {each.sequence, accepted.error().message.substr(0, limits::kFailedReasonBytesMax)});
    }
  }
  return outcome;
}

}  // namespace forebay
