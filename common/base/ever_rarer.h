// Which of many like occurrences are worth a line in the log: of each kind the first, second, fourth,
// eighth and so on. Whoever causes them again and again does not fill the disk.
#pragma once

#include <bit>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/limits.h"

namespace forebay {

class EverRarer {
 public:
  /// How many there were of the kind, with this one, if it is worth a line. Kinds beyond
  /// limits::kRareKindsMax count as one.
  [[nodiscard]] std::optional<std::uint64_t> next(std::string_view kind) {
    auto found = counts_.find(kind);
    if (found == counts_.end()) {
      const bool room = counts_.size() < limits::kRareKindsMax;
      found = counts_.try_emplace(room ? std::string(kind) : std::string()).first;
    }
    const std::uint64_t count = ++found->second;
    return std::has_single_bit(count) ? std::optional(count) : std::nullopt;
  }

 private:
  std::map<std::string, std::uint64_t, std::less<>> counts_;
};

}  // namespace forebay
