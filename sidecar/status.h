// The sidecar's figures as `forebay status` shows them, one JSON object:
//
//   {sidecar, boot, full, streams: [{stream, incarnation, head, oldest, bytes, lost, commit_time}],
//    producers: [{stream, name, id, epoch, position, silent_ms, departed}],
//    consumers: [{stream, consumer, cursor, lag, lost, failed, state, heard_ms}],
//    counters: {batches, events, duplicates, resends_asked, refused: {reason: n}}}
#pragma once

#include <string>

#include "sidecar/consumers.h"
#include "sidecar/ingest.h"
#include "sidecar/log/log.h"

namespace forebay {

[[nodiscard]] Result<std::string> status_report(const std::string& name, const BootId& boot,
                                                const Log& log, const Ingest& ingest,
                                                const Consumers& consumers, bool full);

}  // namespace forebay
