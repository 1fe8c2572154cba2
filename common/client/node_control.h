// What operators may ask of a consumer on its control socket: one msgpack map with `op` first,
// answered by one map.
//
//   op        fields                         answer
//   status                                   {consumer, streams: [{stream, state, cursor, head, lag,
//                                            start, lost, failed, age_ms, …}], build: {…},
//                                            alerts?: {raised, history}}
//   failed    stream, limit                  {failed: [{sequence, time, reason, bytes}]}
//   reset     stream, mode: adopt | rebuild  {ok: true}
//   build     view ("" for a rebuild), from, until: {stream: sequence}
//                                            {ok: true, build: its id}; `progress` tells the rest
//   progress                                 {running, build, view, applied, total, error?}
//   replay    see replay.h
//
// An answer may be {error: {code, message}} instead.
#pragma once

#include <string>
#include <string_view>

#include "common/client/consumer.h"
#include "common/event/json_value.h"

namespace forebay {

/// What `status` answers.
[[nodiscard]] Json node_status(const Consumer& consumer);

/// The encoded answer.
[[nodiscard]] std::string answer_node_request(Consumer& consumer, std::string_view request);

}  // namespace forebay
