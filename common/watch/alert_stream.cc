#include "common/watch/alert_stream.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/event/json_value.h"

namespace forebay {
namespace {

// Every daemon of a host tries at this pace, and a refusal is counted as one where it is refused.
constexpr std::chrono::seconds kPauseMin{1};
constexpr std::chrono::seconds kPauseMax{60};

}  // namespace

void AlertStream::keep_up(const AlertBook& book, MonoTime now) {
  if (place_.name.empty()) return;
  connect(now);
  if (keeps_up_ || !publisher_ || !publisher_->wait_registered({})) return;
  keeps_up_ = true;
  pause_ = Nanoseconds(0);
  for (const Alert& alert : book.history()) {
    put({alert.condition, alert.raised});
    put(alert);
  }
  for (const Alert& alert : book.raised()) put(alert);
}

/// A publisher that failed is of no more use: it does not go on to another log.
void AlertStream::connect(MonoTime now) {
  if (const auto failure = publisher_ ? publisher_->failure() : std::nullopt) {
    publisher_.reset();
    wait_after(*failure, now);
  }
  if (publisher_ || now < due_) return;
  auto publisher = Publisher::connect({.ingest = place_.ingest,
                                       .control = place_.control,
                                       .stream = place_.name,
                                       .source = "/" + daemon_});
  if (!publisher) return wait_after(publisher.error(), now);
  publisher_ = std::move(*publisher);
}

void AlertStream::wait_after(const Error& error, MonoTime now) {
  keeps_up_ = false;
  pause_ = std::clamp<Nanoseconds>(2 * pause_, kPauseMin, kPauseMax);
  due_ = now + pause_;
  spdlog::warn("alerts: stream '{}': {}; tried anew in {} s", place_.name, error.message,
               std::chrono::duration_cast<std::chrono::seconds>(pause_).count());
}

void AlertStream::publish(const std::vector<Alert>& changed) {
  if (!keeps_up_) return;
  for (const Alert& alert : changed) put(alert);
}

void AlertStream::put(const Alert& alert) {
  Event event;
  event.type = alert.cleared ? "alert.cleared" : "alert.raised";
  event.subject = daemon_;
  const auto data = msgpack_from_json(to_json(alert));
  FOREBAY_INVARIANT(data.has_value());
  event.data = *data;
  const auto taken = publisher_->publish(event);
  if (!taken || *taken != Admission::kTaken)
    spdlog::error("alerts: cannot publish {} {}: {}", event.type, alert.condition.alert,
                  taken ? "the sidecar of their stream takes none" : taken.error().message);
}

}  // namespace forebay
