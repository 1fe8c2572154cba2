// The sidecar's figures as `forebay status` shows them, one JSON object:
//
//   {sidecar, version, boot, full, disk: {left, of}, clock_doubted,
//    streams: [{stream, incarnation, head, oldest, bytes, lost, commit_time, refusing, damaged}],
//    producers: [{stream, name, id, epoch, position, silent_ms, departed}],
//    consumers: [{stream, consumer, cursor, lag, lost, failed, state, heard_ms}],
//    commits: {count, p50_us, p99_us, p999_us, max_us, total_us, buckets: [{le_us, count}],
//              under_way_ms}
//      (since the start; count of a bucket: how many took at most le_us),
//    counters: {batches, events, duplicates, resends_asked, refused: {reason: n}},
//    connections: {near, far: {accepted, let_in, turned_away, ended}} (common/wire/connections.h),
//    alerts: {raised, history: [{alert, subject, text, raised, cleared}]} (common/watch/alerts.h)}
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/base/histogram.h"
#include "common/event/json_value.h"
#include "common/wire/connections.h"
#include "sidecar/consumers.h"
#include "sidecar/holds.h"
#include "sidecar/ingest.h"
#include "sidecar/log/log.h"

namespace forebay {

struct StatusSources {
  const std::string& sidecar;
  const std::string& version;  // of the program
  const Log& log;
  const Holds& holds;
  const Ingest& ingest;
  const Consumers& consumers;
  DurationHistogram commit_times;
  Nanoseconds commit_under_way{0};
  std::vector<std::uint64_t> damaged;  // sequences, by stream
  std::uint64_t unknown_keys;          // connections that were refused for theirs
  std::uint64_t forbidden_topics;      // subscriptions that were
  ConnectionCounts near, far;          // connections from its own host, and from others
  bool full;
};

/// Without the alerts, which are the watch's.
[[nodiscard]] Result<Json> status_report(const StatusSources& sources);

}  // namespace forebay
