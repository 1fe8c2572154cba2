// Durations and sizes as they are written in a topology: a whole number and a unit, "250ms", "90d",
// "512MiB".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace forebay {

/// Units ms, s, m, h, d; more than zero, up to 100,000 days. kBadInput with the mend after "; "
/// otherwise.
[[nodiscard]] Result<Nanoseconds> parse_duration(std::string_view text);
/// Units B, KiB, MiB, GiB, TiB; more than zero, below 2^63 bytes. kBadInput with the mend after ";
/// " otherwise.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);

/// In the largest unit that divides it, as the parser reads it: "90d", "1500ms".
[[nodiscard]] std::string format_duration(Nanoseconds duration);
[[nodiscard]] std::string format_size(std::uint64_t bytes);

}  // namespace forebay
