#include "cli/trace_report.h"

#include <algorithm>
#include <cstdio>

#include "cli/status_report.h"
#include "common/event/json_fields.h"

namespace forebay {
namespace {

/// As far as nanoseconds count: an event may say any time.
Nanoseconds between(WallTime from, WallTime to) {
  std::int64_t length = 0;
  if (__builtin_sub_overflow(unix_ns(to), unix_ns(from), &length))
    return from < to ? Nanoseconds::max() : -Nanoseconds::max();
  return std::max(Nanoseconds(length), -Nanoseconds::max());
}

std::optional<WallTime> time_in(const Json& object, const char* key) {
  const auto time = from_rfc3339(text_in(object, key));
  return time ? std::optional(*time) : std::nullopt;
}

ConsumerFate told_by_itself(const std::string& consumer, const Json& answer,
                            const TracedEvent& event) {
  ConsumerFate fate{.consumer = consumer, .state = "unknown"};
  fate.lag = number_in(answer, "lag");
  const std::string incarnation = text_in(answer, "incarnation");
  const bool none = incarnation == Incarnation{}.hex();  // it has yet to begin
  if (text_in(answer, "state") == "DIVERGED" || (!none && incarnation != event.incarnation.hex())) {
    fate.state = "diverged";
    return fate;
  }
  for (const Json& each : list_in(answer, "applied")) {
    if (number_in(each, "sequence") != event.sequence.value) continue;
    fate.state = text_in(each, "state");
    fate.applied = time_in(each, "time");
    fate.reason = text_in(each, "reason");
    if (fate.state == "applied" && !fate.applied)
      fate.no_later = time_in(object_in(answer, "oldest"), "time");
  }
  return fate;
}

ConsumerFate told_by_sidecar(const std::string& consumer, const Json& report,
                             const TracedEvent& event) {
  ConsumerFate fate{.consumer = consumer, .state = "not_registered", .answered = false};
  for (const Json& each : list_in(report, "consumers")) {
    if (text_in(each, "consumer") != consumer || text_in(each, "stream") != event.stream) continue;
    fate.lag = number_in(each, "lag");
    fate.state =
        number_in(each, "cursor").value_or(0) < event.sequence.value ? "not_yet" : "passed";
    if (text_in(each, "state") == "DIVERGED") fate.state = "diverged";
  }
  return fate;
}

std::string text_of(const ConsumerFate& fate, WallTime committed) {
  std::string text;
  if (fate.state == "applied") {
    if (fate.applied) return signed_duration(between(committed, *fate.applied));
    text = fate.no_later ? "by " + to_rfc3339(*fate.no_later) : "applied; when is not known";
  } else if (fate.state == "not_yet") {
    text = "not yet" + (fate.lag ? " (lag " + std::to_string(*fate.lag) + ")" : "");
  } else if (fate.state == "failed" || fate.state == "lost") {
    text = fate.state +
           (fate.applied ? " " + signed_duration(between(committed, *fate.applied)) : "") + ": " +
           fate.reason;
  } else if (fate.state == "before_start") {
    text = "it began after this";
  } else if (fate.state == "not_registered") {
    text = "it never came";
  } else {
    text = fate.state;
  }
  return fate.answered ? text : text + "; does not answer";
}

/// With all six digits of microseconds, so that times stand below each other.
std::string shown_time(WallTime time) {
  constexpr std::size_t kSecondsEnd = 19, kDigits = 6;
  const std::string text = to_rfc3339(time);
  std::string fraction = text.substr(kSecondsEnd, text.size() - kSecondsEnd - 1);
  if (fraction.empty()) fraction = ".";
  fraction.resize(1 + kDigits, '0');
  return text.substr(0, kSecondsEnd) + fraction + 'Z';
}

Json microseconds(Nanoseconds duration) {
  return std::chrono::floor<std::chrono::microseconds>(duration).count();
}

Json attribute(const Attributes& attributes, std::string_view name) {
  const auto found = attributes.find(name);
  if (found == attributes.end()) return nullptr;
  return std::visit([](const auto& value) { return Json(value); }, found->second);
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

/// Where the cause stands, if it was found, too; else its id.
std::string cause_of(const TracedEvent& event, const std::vector<TraceLine>& lines) {
  const std::string cause = attribute_text(event.attributes, "causationid");
  if (cause.empty()) return cause;
  for (const TraceLine& line : lines) {
    if (attribute_text(line.event.attributes, "id") == cause)
      return line.event.stream + ':' + std::to_string(line.event.sequence.value);
  }
  return cause;
}

}  // namespace

std::vector<ConsumerFate> consumer_fates(const Topology& topology, const Json& report,
                                         const AppliedAnswers& answers, const TracedEvent& event) {
  std::vector<std::string> consumers;
  for (const Node& node : topology.nodes) {
    const bool reads =
        std::any_of(node.subscribes.begin(), node.subscribes.end(),
                    [&](const Interest& interest) { return interest.stream == event.stream; });
    if (reads) consumers.push_back(node.name);
  }
  for (const Json& each : list_in(report, "consumers")) {
    const std::string name = text_in(each, "consumer");
    const bool known = std::find(consumers.begin(), consumers.end(), name) != consumers.end();
    if (text_in(each, "stream") == event.stream && !known) consumers.push_back(name);
  }
  std::vector<ConsumerFate> fates;
  for (const std::string& consumer : consumers) {
    const auto answer = answers.find({consumer, event.stream});
    fates.push_back(answer == answers.end() ? told_by_sidecar(consumer, report, event)
                                            : told_by_itself(consumer, answer->second, event));
  }
  return fates;
}

Json trace_json(const TracedEvent& event, const std::string& producer,
                const std::vector<ConsumerFate>& fates) {
  Json consumers = Json::array();
  for (const ConsumerFate& fate : fates) {
    consumers.push_back(
        {{"consumer", fate.consumer},
         {"state", fate.state},
         {"applied", fate.applied ? Json(to_rfc3339(*fate.applied)) : Json()},
         {"apply_delay_us",
          fate.applied ? microseconds(between(event.committed, *fate.applied)) : Json()},
         {"no_later_than", fate.no_later ? Json(to_rfc3339(*fate.no_later)) : Json()},
         {"lag", fate.lag ? Json(*fate.lag) : Json()},
         {"reason", text_or_null(fate.reason)},
         {"answered", fate.answered}});
  }
  return {{"stream", event.stream},
          {"sidecar", event.sidecar},
          {"sequence", event.sequence.value},
          {"incarnation", event.incarnation.hex()},
          {"id", attribute(event.attributes, "id")},
          {"type", event.type},
          {"subject", text_or_null(event.subject)},
          {"published", to_rfc3339(event.published)},
          {"committed", to_rfc3339(event.committed)},
          {"commit_delay_us", microseconds(between(event.published, event.committed))},
          {"correlationid", attribute(event.attributes, "correlationid")},
          {"causationid", attribute(event.attributes, "causationid")},
          {"traceparent", attribute(event.attributes, "traceparent")},
          {"producer", {{"id", hex(event.producer)}, {"name", text_or_null(producer)}}},
          {"consumers", std::move(consumers)}};
}

std::vector<std::vector<std::string>> trace_rows(const std::vector<TraceLine>& lines) {
  std::vector<std::vector<std::string>> rows{{"PUBLISHED", "COMMITTED", "AFTER", "EVENT", "TYPE",
                                              "SUBJECT", "ID", "CAUSE", "PRODUCER", "CONSUMER",
                                              "APPLIED"}};
  for (const TraceLine& line : lines) {
    const TracedEvent& event = line.event;
    std::vector<std::string> row{shown_time(event.published),
                                 shown_time(event.committed),
                                 signed_duration(between(event.published, event.committed)),
                                 event.stream + ':' + std::to_string(event.sequence.value),
                                 event.type,
                                 event.subject,
                                 attribute_text(event.attributes, "id"),
                                 cause_of(event, lines),
                                 line.producer};
    const std::size_t own = row.size();
    if (line.fates.empty()) {
      row.resize(own + 2);
      rows.push_back(std::move(row));
      continue;
    }
    for (const ConsumerFate& fate : line.fates) {
      row.insert(row.end(), {fate.consumer, text_of(fate, event.committed)});
      rows.push_back(std::move(row));
      row.assign(own, "");
    }
  }
  return rows;
}

std::string producer_name(const Json& report, ProducerId id) {
  const std::string wanted = hex(id);
  for (const Json& each : list_in(report, "producers")) {
    if (text_in(each, "id") == wanted) return text_in(each, "name");
  }
  return {};
}

std::string signed_duration(Nanoseconds duration) {
  const std::string sign = duration < Nanoseconds(0) ? "-" : "+";
  const Nanoseconds length = duration < Nanoseconds(0) ? -duration : duration;
  const double us = std::chrono::duration<double, std::micro>(length).count();
  char text[32];
  if (us < 999.5) {
    std::snprintf(text, sizeof text, "%.0fus", us);
  } else if (us < 1'000'000) {
    std::snprintf(text, sizeof text, "%.1fms", us / 1000);
  } else {
    return sign + short_duration(length);
  }
  return sign + text;
}

}  // namespace forebay
