// The second frame of a `records` reply (control.h): for each record u32 length, key, u32 length,
// value, one after the other, as docs/log-format.md has keys and values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace forebay {

struct RecordEntry {
  std::string_view key, value;
};

void append_record(std::string& frame, const RecordEntry& entry);

/// kCorruption unless the frame holds exactly `count` records. Borrows from it.
[[nodiscard]] Result<std::vector<RecordEntry>> parse_records(std::string_view frame,
                                                             std::uint64_t count);

}  // namespace forebay
