// The sidecar's figures as `forebay status` shows them, one JSON object:
//
//   {sidecar, boot, full, streams: [{stream, incarnation, head, oldest, bytes, lost, commit_time,
//    refusing}],
//    producers: [{stream, name, id, epoch, position, silent_ms, departed}],
//    consumers: [{stream, consumer, cursor, lag, lost, failed, state, heard_ms}],
//    commits: {count, p50_us, p99_us, p999_us, max_us} (since the start),
//    counters: {batches, events, duplicates, resends_asked, refused: {reason: n}}}
#pragma once

#include <string>

#include "common/base/histogram.h"
#include "sidecar/consumers.h"
#include "sidecar/holds.h"
#include "sidecar/ingest.h"
#include "sidecar/log/log.h"

namespace forebay {

[[nodiscard]] Result<std::string> status_report(const std::string& name, const Log& log,
                                                const Holds& holds, const Ingest& ingest,
                                                const Consumers& consumers,
                                                const DurationHistogram& commit_times, bool full);

}  // namespace forebay
