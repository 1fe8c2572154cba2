// What a handler that publishes because of an event says of it, so that `forebay trace` finds the whole
// way of an order, and a tracing system its spans:
//
//   Event event{.type = "payment.taken", .subject = …, .data = …};
//   event.attributes = caused_by(cause, context);
//   publisher->publish(event, ProducerSequence{context.sequence.value});
//
// A handler runs again after a crash that came before its commit, and then publishes again. As a named
// producer that numbers what it publishes by the sequences of its one upstream, as here, it leaves no
// duplicate.
#pragma once

#include <string>

#include "common/client/handler.h"
#include "common/event/event.h"

namespace forebay {

/// The event's id: its own, or the one that follows from its producer, as every reader has it.
[[nodiscard]] std::string event_id(const EventView& event, const EventContext& context);

/// Attributes for an event that follows from `cause`: `causationid` is its id; `correlationid` its
/// correlation id, or its id if it began one; `traceparent` and `tracestate` go on as they are, well
/// formed or not, if it has them.
[[nodiscard]] Attributes caused_by(const EventView& cause, const EventContext& context);

}  // namespace forebay
