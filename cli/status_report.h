// `forebay status` as text: from the reports of the sidecars to one table. The asking is reach.h's
// and status_verb.cc's.
#pragma once

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "topology/topology.h"

namespace forebay {

/// A report as a sidecar sends it. kCorruption for what is none, nested too deep among that.
[[nodiscard]] Result<nlohmann::ordered_json> parse_report(std::string_view text);

/// A consumer that a report says has not applied everything.
struct Behind {
  std::string stream, consumer;
  Sequence cursor;
};
[[nodiscard]] std::vector<Behind> consumers_behind(const nlohmann::ordered_json& report);

/// What one sidecar said.
struct SidecarAnswer {
  std::string sidecar;
  std::vector<std::string> streams;       // that the topology gives it
  Result<nlohmann::ordered_json> report;  // or why there is none
  std::chrono::steady_clock::time_point asked;
  std::map<std::string, double> rates;  // events a second, per stream; absent: unknown
  /// How old the first event is that a consumer has not applied, by stream and consumer.
  std::map<std::pair<std::string, std::string>, std::chrono::nanoseconds> ages;
};

/// What a node said (common/client/node_control.h).
struct NodeAnswer {
  std::string node;
  Result<nlohmann::ordered_json> report;
};

/// Streams of the topology that the sidecar does not know: it runs with an older one.
[[nodiscard]] std::vector<std::string> streams_not_served(const SidecarAnswer& answer);

/// Rates from two answers of one sidecar; none across a restart into another log.
void add_rates(SidecarAnswer& now, const SidecarAnswer& before);

/// A row a stream; its first consumer stands in it, further ones below it. The last column says
/// what is not well: silent, down, full, lost, failed, diverged, lagging past the topology's
/// alerts.
[[nodiscard]] std::vector<std::vector<std::string>> status_rows(
    const std::vector<SidecarAnswer>& answers, const Alerts& alerts);

/// Whether a row of status_rows is one in which something is not well.
[[nodiscard]] bool is_unwell(const std::vector<std::string>& row);

/// The alerts that sidecars and nodes have raised, the oldest first; nothing if there are none.
[[nodiscard]] std::vector<std::vector<std::string>> alert_rows(
    const std::vector<SidecarAnswer>& sidecars, const std::vector<NodeAnswer>& nodes, WallTime now);

/// "1.5 MiB", "90 B".
[[nodiscard]] std::string short_size(std::uint64_t bytes);
/// "3ms", "4.2s", "3m", "5h", "2d".
[[nodiscard]] std::string short_duration(std::chrono::nanoseconds duration);

}  // namespace forebay
