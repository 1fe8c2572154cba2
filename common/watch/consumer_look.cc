#include "common/watch/consumer_look.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/limits.h"
#include "common/event/json_fields.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;

double number(const Json& object, const char* key) {
  return static_cast<double>(number_in(object, key).value_or(0));
}

}  // namespace

Findings ConsumerLook::look(const Json& status) {
  Findings findings;
  findings.metrics = Exposition({{"consumer", text_in(status, "consumer")}});
  const Json& streams = list_in(status, "streams");
  for (const Json& stream : streams) look_at_stream(stream, findings);
  findings.line = line(streams);
  return findings;
}

/// Where it is in the stream with the greatest lag, or the one that went furthest.
std::string ConsumerLook::line(const Json& streams) {
  std::string furthest, diverged;
  std::pair<std::uint64_t, std::uint64_t> most;  // lag and head
  for (const Json& stream : streams) {
    const std::string name = text_in(stream, "stream");
    const std::uint64_t cursor = number_in(stream, "cursor").value_or(0);
    const std::uint64_t lag = number_in(stream, "lag").value_or(0);
    const std::uint64_t head = number_in(stream, "head").value_or(0);
    const auto [last, first] = cursors_.emplace(name, cursor);
    applied_ += cursor - std::min(cursor, std::exchange(last->second, cursor));
    if (furthest.empty() || std::pair(lag, head) > most) {
      most = {lag, head};
      furthest = name + " at " + std::to_string(cursor) + " of " + std::to_string(head);
    }
    if (text_in(stream, "state") == "DIVERGED") diverged = ", DIVERGED";
  }
  return std::to_string(streams.size()) + " streams, " +
         std::to_string(rate_.of(applied_, clock_.mono())) + " events/s, greatest lag " +
         std::to_string(most.first) + (streams.empty() ? "" : ": " + furthest) + diverged;
}

void ConsumerLook::look_at_stream(const Json& stream, Findings& findings) const {
  const std::string name = text_in(stream, "stream"), state = text_in(stream, "state");
  const Exposition::Labels labels{{"stream", name}};
  Exposition& metrics = findings.metrics;
  metrics.gauge("forebay_cursor", "Last sequence applied.", labels, number(stream, "cursor"));
  metrics.gauge("forebay_known_head", "Last sequence heard of.", labels, number(stream, "head"));
  metrics.gauge("forebay_lag_events", "Events heard of and yet to be applied.", labels,
                number(stream, "lag"));
  if (const auto age = milliseconds_in(stream, "age_ms"))
    metrics.gauge("forebay_age_seconds", "Since all that was heard of was applied.", labels,
                  std::chrono::duration<double>(*age).count());
  metrics.gauge("forebay_lost", "Events that it could not have.", labels, number(stream, "lost"));
  metrics.gauge("forebay_failed", "Events that its handler refused.", labels,
                number(stream, "failed"));
  metrics.gauge("forebay_diverged", "1 while the log is another than it follows.", labels,
                state == "DIVERGED");

  const auto overdue = milliseconds_in(stream, "beacon_overdue_ms");
  const Nanoseconds silent =
      overdue ? Nanoseconds(*overdue)
              : std::max(Nanoseconds(0), clock_.mono() - began_ - limits::kFirstBeaconGrace);
  metrics.gauge("forebay_beacon_overdue_seconds", "How long its sidecar's beacon is overdue.",
                labels, std::chrono::duration<double>(silent).count());
  if (state == "DIVERGED")
    findings.conditions.push_back(
        {"diverged", name, "the log is another than it follows: `forebay consumers reset`"});
  if (silent > beacon_silent_)
    findings.conditions.push_back(
        {"silent_beacon", name,
         "nothing is heard of its sidecar: answers are as old as they say. Is it up, and is it "
         "reached (`forebay status`)?"});
  if (number_in(stream, "cursor").value_or(0) == 0 && !overdue)
    findings.not_ready.push_back("nothing of " + name + " has been applied or heard of");
}

}  // namespace forebay
