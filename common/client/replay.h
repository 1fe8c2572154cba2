// Events of a replay on their way to a node whose handler keeps no view: the tool reads them from
// the log and asks the node, a batch's choice of events at a time, to apply them again. They reach
// the handler marked as replayed; no cursor moves and nothing is recorded.
//
//   request  {op: "replay", stream, time: commit time ns, shared: {…},
//             batch: [producer, its last producer sequence, first sequence], events: [[sequence, event]…]}
//   answer   {applied, refused: [[sequence, reason]…]}
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/client/handler.h"
#include "common/store/store.h"

namespace forebay {

/// Events of one batch. Everything is borrowed.
struct ReplayRequest {
  struct Event {
    Sequence sequence;
    std::string_view encoded;
  };
  std::string_view stream;
  WallTime commit_time;
  std::string_view shared;  // the batch's shared attributes, encoded
  std::vector<Event> events;
  ProducerId producer = {};
  ProducerSequence producer_sequence = {};  // the batch's last
  Sequence first = {};                      // the batch's
};

/// What came of it.
struct ReplayOutcome {
  struct Refused {
    Sequence sequence;
    std::string reason;
  };
  std::uint64_t applied = 0;
  std::vector<Refused> refused;
};

/// `shared` and the events are sound msgpack, as decode_event demands.
[[nodiscard]] std::string encode_replay(const ReplayRequest& request);
/// kBadInput says what is not as it should be. Borrows from `bytes`.
[[nodiscard]] Result<ReplayRequest> decode_replay(std::string_view bytes);
/// Whether `bytes` asks for a replay, rather than for anything else that a node is asked.
[[nodiscard]] bool is_replay(std::string_view bytes);

/// Lets the handler apply them, in order. What it writes into a view goes nowhere: it keeps none.
[[nodiscard]] ReplayOutcome replay_events(Handler& handler, Store& store,
                                          const ReplayRequest& request);

}  // namespace forebay
