// What operators may ask of a consumer on its control socket: one msgpack map with `op` first,
// answered by one map.
//
//   op        fields                         answer
//   status                                   {consumer, streams: [{stream, state, cursor, head, lag,
//                                            start, lost, failed, age_ms, …}], build: {…},
//                                            alerts?: {raised, history}}
//   failed    stream, limit                  {failed: [{sequence, time, reason, bytes}]}
//   applied   stream, sequences: up to 1,000 of them
//                                            {stream, state, incarnation, cursor, head, lag, oldest,
//                                            applied: [{sequence, state, time, reason}]}: below
//   reset     stream, mode: adopt | rebuild  {ok: true}
//   build     view ("" for a rebuild), from, until: {stream: sequence}
//                                            {ok: true, build: its id}; `progress` tells the rest
//   progress                                 {running, build, view, applied, total, error?}
//   replay    see replay.h
//
// Of each sequence `applied` says one of: applied, with the time just before that was committed, or null
// where it is no longer known, and then it was not after the time of `oldest` {sequence, time}, the
// oldest that is; failed (its handler refused it: the reason) and lost (a gap), both with the time, too;
// not_yet; before_start: it began after that.
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
