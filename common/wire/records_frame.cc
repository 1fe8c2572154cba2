#include "common/wire/records_frame.h"

#include <optional>

#include "common/base/bytes.h"

namespace forebay {
namespace {

std::optional<std::string_view> take_part(std::string_view& rest) {
  if (rest.size() < sizeof(std::uint32_t)) return std::nullopt;
  const auto size = load_le<std::uint32_t>(rest.data());
  rest.remove_prefix(sizeof(std::uint32_t));
  if (rest.size() < size) return std::nullopt;
  const std::string_view part = rest.substr(0, size);
  rest.remove_prefix(size);
  return part;
}

}  // namespace

void append_record(std::string& frame, const RecordEntry& entry) {
  for (const std::string_view part : {entry.key, entry.value}) {
    append_le(frame, static_cast<std::uint32_t>(part.size()));
    frame += part;
  }
}

Result<std::vector<RecordEntry>> parse_records(std::string_view frame, std::uint64_t count) {
  std::vector<RecordEntry> records;
  while (records.size() < count) {
    const auto key = take_part(frame);
    const auto value = key ? take_part(frame) : std::nullopt;
    if (!value) return fail(ErrorCode::kCorruption, "the sidecar's records are cut short");
    records.push_back({*key, *value});
  }
  if (!frame.empty())
    return fail(ErrorCode::kCorruption, "the sidecar sends more records than it says");
  return records;
}

}  // namespace forebay
