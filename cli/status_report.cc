#include "cli/status_report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/health.h"
#include "common/event/json_fields.h"

namespace forebay {
namespace {

using Row = std::vector<std::string>;

constexpr std::size_t kStreamColumns = 7;    // stream … lost
constexpr std::size_t kConsumerColumns = 7;  // consumer … state

std::uint64_t number(const Json& object, const char* key) {
  return number_in(object, key).value_or(0);
}

void add_consumer(Row& row, Health& health, const SidecarAnswer& answer, const Json& consumer,
                  const Alerts& alerts) {
  const std::string stream = text_in(consumer, "stream"), name = text_in(consumer, "consumer");
  const std::uint64_t lag = number(consumer, "lag");
  const std::string state = text_in(consumer, "state");
  const auto age = answer.ages.find({stream, name});
  std::string shown_age = lag == 0 ? "0s" : "";
  if (age != answer.ages.end()) shown_age = short_duration(age->second);
  row.insert(row.end(), {name, std::to_string(number(consumer, "cursor")), std::to_string(lag),
                         shown_age, std::to_string(number(consumer, "lost")),
                         std::to_string(number(consumer, "failed")), state});
  health.add(state == "DIVERGED", "diverged");
  health.add_silence(milliseconds_in(consumer, "heard_ms"));
  health.add(lag > alerts.lag_events, "lag");
  health.add(age != answer.ages.end() && age->second > alerts.lag_age, "old");
  health.add(number(consumer, "lost") > 0, "lost");
  health.add(number(consumer, "failed") > 0, "failed");
}

void add_stream(std::vector<Row>& rows, const SidecarAnswer& answer, const Json& stream,
                const Alerts& alerts) {
  const std::string name = text_in(stream, "stream");
  const auto rate = answer.rates.find(name);
  char rate_text[32] = "";
  if (rate != answer.rates.end())
    std::snprintf(rate_text, sizeof rate_text, "%.0f/s", rate->second);
  Row row{name,
          answer.sidecar,
          std::to_string(number(stream, "head")),
          std::to_string(number(stream, "oldest")),
          short_size(number(stream, "bytes")),
          rate_text,
          std::to_string(number(stream, "lost"))};
  Health health;
  const bool full = says(*answer.report, "full");
  health.add(full, "full");
  const Json& disk = object_in(*answer.report, "disk");
  health.add(!full && alerts.low(number(disk, "left"), number(disk, "of")), "disk low");
  health.add(says(*answer.report, "clock_doubted"), "clock doubted");
  health.add(says(stream, "refusing"), "waits for a consumer");
  health.add(number(stream, "damaged") > 0, "damaged");
  health.add(number(stream, "lost") > 0, "lost events");
  bool first = true;
  for (const Json& consumer : list_in(*answer.report, "consumers")) {
    if (text_in(consumer, "stream") != name) continue;
    if (!first) {
      row.assign(kStreamColumns, "");
      row[0] = name;
      row[1] = answer.sidecar;
      health = {};
    }
    first = false;
    add_consumer(row, health, answer, consumer, alerts);
    row.push_back(health.text());
    rows.push_back(std::move(row));
  }
  if (!first) return;
  row.resize(kStreamColumns + kConsumerColumns);
  row.push_back(health.text());
  rows.push_back(std::move(row));
}

}  // namespace

Result<Json> parse_report(std::string_view text) {
  auto report = parse_json(text);
  if (!report || !report->is_object())
    return fail(ErrorCode::kCorruption, "it answers with something that is no report");
  return std::move(*report);
}

std::vector<Behind> consumers_behind(const Json& report) {
  std::vector<Behind> behind;
  for (const Json& consumer : list_in(report, "consumers")) {
    if (number(consumer, "lag") == 0) continue;
    // What it has read of this log; `cursor` may be another's, and an older sidecar tells no other.
    const auto read = number_in(consumer, "read").value_or(number(consumer, "cursor"));
    behind.push_back({text_in(consumer, "stream"), text_in(consumer, "consumer"), Sequence{read}});
  }
  return behind;
}

std::vector<std::string> streams_not_served(const SidecarAnswer& answer) {
  std::vector<std::string> missing;
  if (!answer.report) return missing;
  const Json& served = list_in(*answer.report, "streams");
  for (const std::string& name : answer.streams) {
    if (std::none_of(served.begin(), served.end(),
                     [&](const Json& stream) { return text_in(stream, "stream") == name; })) {
      missing.push_back(name);
    }
  }
  return missing;
}

void add_rates(SidecarAnswer& now, const SidecarAnswer& before) {
  if (!now.report || !before.report) return;
  const double seconds = std::chrono::duration<double>(now.asked - before.asked).count();
  if (seconds <= 0) return;
  for (const Json& stream : list_in(*now.report, "streams")) {
    for (const Json& earlier : list_in(*before.report, "streams")) {
      if (text_in(stream, "stream") != text_in(earlier, "stream") ||
          text_in(stream, "incarnation") != text_in(earlier, "incarnation") ||
          number(stream, "head") < number(earlier, "head")) {
        continue;
      }
      now.rates[text_in(stream, "stream")] =
          static_cast<double>(number(stream, "head") - number(earlier, "head")) / seconds;
    }
  }
}

std::vector<Row> status_rows(const std::vector<SidecarAnswer>& answers, const Alerts& alerts) {
  std::vector<Row> rows = {{"STREAM", "SIDECAR", "HEAD", "OLDEST", "BYTES", "RATE", "LOST",
                            "CONSUMER", "CURSOR", "LAG", "AGE", "LOST", "FAILED", "STATE",
                            "HEALTH"}};
  for (const SidecarAnswer& answer : answers) {
    if (!answer.report) {
      Row row(kStreamColumns + kConsumerColumns);
      row[1] = answer.sidecar;
      row.push_back(answer.report.error().code == ErrorCode::kTimeout
                        ? "! does not answer"
                        : "! " + answer.report.error().message);
      rows.push_back(std::move(row));
      continue;
    }
    for (const Json& stream : list_in(*answer.report, "streams")) {
      add_stream(rows, answer, stream, alerts);
    }
    for (const std::string& name : streams_not_served(answer)) {
      Row row(kStreamColumns + kConsumerColumns);
      row[0] = name;
      row[1] = answer.sidecar;
      row.push_back("! not served: reload the sidecar, which has an older topology");
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

std::string short_size(std::uint64_t bytes) {
  constexpr std::array units = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value,
                units[unit]);
  return text;
}

std::string short_duration(std::chrono::nanoseconds duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  char text[32];
  if (seconds < 1) {
    std::snprintf(text, sizeof text, "%.0fms", seconds * 1000);
  } else if (seconds < 120) {
    std::snprintf(text, sizeof text, "%.1fs", seconds);
  } else if (seconds < 7200) {
    std::snprintf(text, sizeof text, "%.0fm", seconds / 60);
  } else if (seconds < 172'800) {
    std::snprintf(text, sizeof text, "%.0fh", seconds / 3600);
  } else {
    std::snprintf(text, sizeof text, "%.0fd", seconds / 86'400);
  }
  return text;
}

bool is_unwell(const Row& row) { return row.back().starts_with("!"); }

std::vector<Row> alert_rows(const std::vector<SidecarAnswer>& sidecars,
                            const std::vector<NodeAnswer>& nodes, WallTime now) {
  std::vector<Row> rows;
  const auto add = [&](const std::string& daemon, const Result<Json>& report) {
    if (!report) return;
    for (const Json& alert : list_in(object_in(*report, "alerts"), "raised")) {
      const std::string since = text_in(alert, "raised");
      const auto raised = from_rfc3339(since);
      rows.push_back({text_in(alert, "alert"), daemon, text_in(alert, "subject"), since,
                      raised ? short_duration(std::max(now - *raised, Nanoseconds(0))) : "",
                      text_in(alert, "text")});
    }
  };
  for (const SidecarAnswer& answer : sidecars) add(answer.sidecar, answer.report);
  for (const NodeAnswer& answer : nodes) add(answer.node, answer.report);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a[3] < b[3]; });
  if (!rows.empty())
    rows.insert(rows.begin(), {"ALERT", "DAEMON", "ABOUT", "SINCE", "FOR", "WHAT"});
  return rows;
}

}  // namespace forebay
