#include "common/wire/connections.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace forebay {
namespace {

std::string_view fault_of_client(ConnectionEvent::Why why) {
  switch (why) {
    case ConnectionEvent::Why::kServerKey:
      return "has another public key for this sidecar than the sidecar's own";
    case ConnectionEvent::Why::kProtocol:
      return "does not speak ZeroMQ as is spoken here";
    case ConnectionEvent::Why::kUnknownClient:
    case ConnectionEvent::Why::kNotTold:
      break;
  }
  return "has no key, is no ZeroMQ, or was too slow to say";
}

}  // namespace

Result<void> Connections::watch(Socket& socket) {
  auto events = ConnectionEvents::of(context_, socket);
  if (!events) return fail(events.error());
  watched_.push_back({std::move(*events)});
  return {};
}

const ConnectionCounts& Connections::count() {
  for (Watched& watched : watched_) {
    while (const auto event = watched.events.next()) take(watched, *event);
  }
  return counts_;
}

void Connections::take(Watched& watched, const ConnectionEvent& event) {
  switch (event.kind) {
    case ConnectionEvent::Kind::kAccepted:
      ++counts_.accepted;
      return;
    case ConnectionEvent::Kind::kLetIn:
      ++counts_.let_in;
      return;
    case ConnectionEvent::Kind::kEnded:
      counts_.ended += std::exchange(watched.failed, false) ? 0 : 1;
      return;
    case ConnectionEvent::Kind::kTurnedAway:
      if (event.why == ConnectionEvent::Why::kUnknownClient) return;  // the gatekeeper's
      watched.failed = true;
      ++counts_.turned_away;
      const std::string_view why = fault_of_client(event.why);
      if (const auto count = logged_.next(event.endpoint + std::string(why)))
        spdlog::warn("turned away {} connections at {}: whoever it was {}", *count, event.endpoint,
                     why);
  }
}

Result<Refusals> Refusals::of(Context& context, Socket& socket) {
  auto events = ConnectionEvents::of(context, socket);
  if (!events) return fail(events.error());
  return Refusals(std::move(*events));
}

std::optional<Refusals::Why> Refusals::why() {
  while (const auto event = events_.next()) {
    if (event->kind == ConnectionEvent::Kind::kLetIn) why_.reset();
    if (event->kind == ConnectionEvent::Kind::kTurnedAway && why_ != Why::kUnknownClient)
      why_ = event->why;
  }
  return why_;
}

std::string_view Refusals::in_words(Why why) {
  if (why == Why::kUnknownClient) {
    return "does not know our key: put its public key into that sidecar's topology, and restart "
           "the "
           "sidecar";
  }
  return "does not finish our handshake: the public key that our topology has for it may not be "
         "its "
         "own, or it is stuck, or something else";
}

}  // namespace forebay
