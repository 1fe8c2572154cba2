// Civil dates, local times and working days, as docs/edd.md counts them.
//
// A query looks at the days d to d + limits::kHorizonDays of an FC; such a run of days is a
// DayMask, bit i for day d + i, so that walking it costs next to nothing. A mask has 64 bits, some
// more than are in reach. TimeZones is not thread-safe; the rest is free of state.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/clock.h"
#include "common/base/limits.h"

namespace date {
class time_zone;
}

namespace forebay {

using CivilDate = std::chrono::sys_days;  // a date of the calendar, in no time zone
using TimeOfDay = std::chrono::minutes;   // 00:00 to 23:59

/// `YYYY-MM-DD`, years 0000 to 9999, of a day that exists.
[[nodiscard]] std::optional<CivilDate> parse_date(std::string_view text);
[[nodiscard]] std::string to_text(CivilDate date);
/// `HH:MM`, 00:00 to 23:59.
[[nodiscard]] std::optional<TimeOfDay> parse_time_of_day(std::string_view text);

/// Bit 0 Monday to bit 6 Sunday.
using WeekDays = std::uint8_t;

using DayMask = std::uint64_t;
inline constexpr DayMask kDaysInReach = (DayMask{1} << (limits::kHorizonDays + 1)) - 1;
inline constexpr int kNoDay = -1;

/// The 64 days from `first` on whose weekday is in `week`.
[[nodiscard]] DayMask week_mask(WeekDays week, CivilDate first);
/// The first day of `days` at or after `from`, or kNoDay.
[[nodiscard]] int first_day(DayMask days, int from);
/// `steps` steps from `from`, each to the next later day of `days`; kNoDay if that leads out of
/// reach.
[[nodiscard]] int advance(DayMask days, int from, std::int64_t steps);

/// What a clock on the wall of a place shows.
struct LocalTime {
  CivilDate date;
  Nanoseconds time_of_day;
};

/// Whether the IANA time zone is in this machine's tzdata and can be read.
[[nodiscard]] bool time_zone_exists(std::string_view name);

/// Local times, with the zones it met and the offset last found in each kept.
class TimeZones {
 public:
  /// nullopt if there is no such zone.
  [[nodiscard]] std::optional<LocalTime> local(std::string_view zone, WallTime at);

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  struct Zone {
    const date::time_zone* rules;
    std::chrono::sys_seconds begin, end;  // where `offset` holds
    std::chrono::seconds offset;
  };
  std::unordered_map<std::string, Zone, Hash, std::equal_to<>> zones_;
};

}  // namespace forebay
