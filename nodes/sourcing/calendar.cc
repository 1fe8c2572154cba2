#include "nodes/sourcing/calendar.h"

#include <date/tz.h>

#include <bit>

namespace forebay {
namespace {

/// The decimal number of all of `text`; -1 if it is not digits throughout.
int digits(std::string_view text) {
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

const date::time_zone* find_zone(std::string_view name) {
  try {
    const date::time_zone* zone = date::locate_zone(std::string(name));
    static_cast<void>(zone->get_info(date::sys_seconds{}));  // its file is read only now
    return zone;
  } catch (const std::exception&) {
    return nullptr;
  }
}

}  // namespace

std::optional<CivilDate> parse_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const int year = digits(text.substr(0, 4));
  const int month = digits(text.substr(5, 2));
  const int day = digits(text.substr(8, 2));
  if (year < 0 || month < 0 || day < 0) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return std::nullopt;
  return CivilDate{date};
}

std::string to_text(CivilDate date) {
  const std::chrono::year_month_day parts{date};
  std::string text = "0000-00-00";
  const auto put = [&](std::size_t end, unsigned value) {
    for (; value != 0; value /= 10) text[--end] = static_cast<char>('0' + value % 10);
  };
  put(4, static_cast<unsigned>(static_cast<int>(parts.year())));
  put(7, static_cast<unsigned>(parts.month()));
  put(10, static_cast<unsigned>(parts.day()));
  return text;
}

std::optional<TimeOfDay> parse_time_of_day(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const int hour = digits(text.substr(0, 2));
  const int minute = digits(text.substr(3, 2));
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return std::nullopt;
  return TimeOfDay{hour * 60 + minute};
}

DayMask week_mask(WeekDays week, CivilDate first) {
  const unsigned today = std::chrono::weekday{first}.iso_encoding() - 1;
  const unsigned from_today = ((week >> today) | (week << (7 - today))) & 0x7fu;
  constexpr DayMask kEverySeventh = 0x8102040810204081;  // bits 0, 7, 14, … 63
  return from_today * kEverySeventh;
}

int first_day(DayMask days, int from) {
  const DayMask later = from > limits::kHorizonDays ? 0 : days >> from << from;
  return later == 0 ? kNoDay : std::countr_zero(later);
}

int advance(DayMask days, int from, std::int64_t steps) {
  int day = from;
  for (std::int64_t step = 0; step < steps && day != kNoDay; ++step) day = first_day(days, day + 1);
  return day;
}

bool time_zone_exists(std::string_view name) { return find_zone(name) != nullptr; }

std::optional<LocalTime> TimeZones::local(std::string_view name, WallTime at) {
  auto found = zones_.find(name);
  if (found == zones_.end()) {
    const date::time_zone* rules = find_zone(name);
    if (rules == nullptr) return std::nullopt;
    found = zones_.emplace(std::string(name), Zone{rules, {}, {}, {}}).first;
  }
  Zone& zone = found->second;
  const auto second = std::chrono::floor<std::chrono::seconds>(at);
  if (second < zone.begin || second >= zone.end) {
    const date::sys_info info = zone.rules->get_info(second);
    zone.begin = info.begin;
    zone.end = info.end;
    zone.offset = info.offset;
  }
  const WallTime shown = at + zone.offset;
  const CivilDate date = std::chrono::floor<std::chrono::days>(shown);
  return LocalTime{date, shown - date};
}

}  // namespace forebay
