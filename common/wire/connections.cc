#include "common/wire/connections.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace forebay {

Result<void> Connections::watch(Socket& socket) {
  auto events = ConnectionEvents::of(context_, socket);
  if (!events) return fail(events.error());
  watched_.push_back({std::move(*events)});
  return {};
}

const ConnectionCounts& Connections::count() {
  for (Watched& watched : watched_) {
    while (const auto event = watched.events.next()) {
      using Kind = ConnectionEvent::Kind;
      if (event->kind == Kind::kEnded && std::exchange(watched.failed, false)) continue;
      if (event->kind == Kind::kTurnedAway) watched.failed = true;
      take(*event);
    }
  }
  return counts_;
}

void Connections::take(const ConnectionEvent& event) {
  switch (event.kind) {
    case ConnectionEvent::Kind::kAccepted:
      ++counts_.accepted;
      return;
    case ConnectionEvent::Kind::kLetIn:
      ++counts_.let_in;
      return;
    case ConnectionEvent::Kind::kEnded:
      ++counts_.ended;
      return;
    case ConnectionEvent::Kind::kTurnedAway:
      ++counts_.turned_away;
      if (const auto count = logged_.next(event.endpoint + event.why))
        spdlog::warn("turned away {} connections at {}: {}", *count, event.endpoint, event.why);
  }
}

}  // namespace forebay
