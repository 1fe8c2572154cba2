// What a consumer's author writes: the function from event to view change.
//
// The library calls it from one thread, in sequence order per stream, inside the transaction that
// also moves the cursor; so each event changes the view exactly once. Streams have no order among
// each other: fold each view record from one stream only. What it publishes because of an event says
// so with caused_by.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/event/event.h"
#include "common/store/view_writer.h"

namespace forebay {

/// Where an event stands.
struct EventContext {
  std::string_view stream;
  Sequence sequence;
  WallTime commit_time;
  bool replayed = false;  // from a replay, not from the live stream
  // What names an event that was published without an id (caused_by.h):
  ProducerId producer = {};
  ProducerSequence producer_sequence = {};  // of its batch's last event
  std::uint64_t index = 0;                  // in its batch
};

/// Sequences that cannot be had any more (trimmed, damaged); the cursor jumps past them.
struct Gap {
  std::string_view stream;
  Sequence first;
  std::uint64_t count;
  std::string_view reason;
};

class Handler {
 public:
  virtual ~Handler() = default;

  /// The view's tables; Table{i} is the i-th name in every transaction the handler or its queries
  /// see.
  [[nodiscard]] virtual std::vector<std::string> tables() const = 0;

  /// Folds one event into the view. An error refuses the event: nothing of it is written, it is
  /// recorded as failed with the error's message, and the rest goes on.
  [[nodiscard]] virtual Result<void> apply(const EventView& event, const EventContext& context,
                                           ViewWriter& view) = 0;

  /// Told of a gap in the transaction that moves the cursor past it. The default changes nothing.
  virtual void apply_gap(const Gap& gap, ViewWriter& view);
};

}  // namespace forebay
