// Events in JSON: the CloudEvents 1.0 JSON format, one object a line (NDJSON) in files and on
// stdout.
//
// `data` is any JSON (json_value.h); binary data is `data_base64`. Unknown attributes are kept.
// Times are RFC 3339.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/event/batch.h"
#include "common/event/event.h"

namespace forebay {

/// Reads one line. kBadInput names the attribute and what it may be. An event without `id` keeps
/// none.
[[nodiscard]] Result<Event> event_from_json(std::string_view line);

/// One line without its newline: specversion, id (derived if it has none), source, type, subject,
/// time, further attributes, data. kCorruption if `data` is not sound.
[[nodiscard]] Result<std::string> event_to_json(const EventView& event, const BatchHeader& batch,
                                                std::uint64_t index);

}  // namespace forebay
