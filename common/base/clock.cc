#include "common/base/clock.h"

#include <sys/timex.h>

#include <cstdio>
#include <ctime>
#include <fstream>

#include "common/base/time_service.h"

namespace forebay {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::sys_days;
using std::chrono::year_month_day;

// Whole years of UTC that nanoseconds reach, with room for the offset of any place.
constexpr int kYearMin = 1678, kYearMax = 2261;

/// Reads exactly `width` digits at `text[at]`; -1 if they are not there.
int digits(std::string_view text, std::size_t at, std::size_t width) {
  if (at + width > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + width; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

WallTime SystemClock::wall() const {
  return std::chrono::time_point_cast<Nanoseconds>(std::chrono::system_clock::now());
}

MonoTime SystemClock::mono() const {
  return std::chrono::time_point_cast<Nanoseconds>(std::chrono::steady_clock::now());
}

MonoTime SystemClock::since_boot() const {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return MonoTime(std::chrono::seconds(now.tv_sec) + Nanoseconds(now.tv_nsec));
}

std::string SystemClock::host_boot() const {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  std::getline(file, boot);
  return boot;
}

bool SystemClock::synchronised() const {
  timex state{};
  if (adjtimex(&state) >= 0) return (state.status & STA_UNSYNC) == 0;
  // In a sandbox that keeps from setting the clock, the kernel may not be asked either.
  return time_service_says_synchronised();
}

std::string to_rfc3339(WallTime time) {
  // Down to seconds first: the day of the earliest times begins before what nanoseconds reach.
  const auto whole = floor<std::chrono::seconds>(time);
  const sys_days day = floor<days>(whole);
  const year_month_day date{day};
  const std::int64_t seconds = (whole - day).count();
  std::int64_t fraction = unix_ns(time) % 1'000'000'000;
  if (fraction < 0) fraction += 1'000'000'000;
  char text[64];
  int length = std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d",
                             static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                             static_cast<unsigned>(date.day()), static_cast<int>(seconds / 3600),
                             static_cast<int>(seconds / 60 % 60), static_cast<int>(seconds % 60));
  std::string out(text, static_cast<std::size_t>(length));
  if (fraction != 0) {
    length = std::snprintf(text, sizeof text, ".%09d", static_cast<int>(fraction));
    std::string part(text, static_cast<std::size_t>(length));
    while (part.size() > 4 && part.ends_with("000")) part.resize(part.size() - 3);
    out += part;
  }
  return out + "Z";
}

Result<WallTime> from_rfc3339(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorCode::kBadInput,
                "'" + std::string(text.substr(0, 64)) +
                    "' is not a time: expected RFC 3339 with offset, e.g. 2026-03-01T09:30:00Z");
  };
  const int year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  const int hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  if (year < kYearMin || year > kYearMax || month < 0 || day < 0 || hour < 0 || hour > 23 ||
      minute < 0 || minute > 59 || second < 0 || second > 60) {
    return bad();
  }
  if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't' && text[10] != ' ') ||
      text[13] != ':' || text[16] != ':') {
    return bad();
  }
  const year_month_day date{std::chrono::year{year},
                            std::chrono::month{static_cast<unsigned>(month)},
                            std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return bad();
  std::size_t at = 19;
  std::int64_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    const std::size_t first = ++at;
    std::int64_t scale = 100'000'000;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      fraction += (text[at] - '0') * scale;
      scale /= 10;
      ++at;
    }
    if (at == first) return bad();
  }
  if (at >= text.size()) return bad();
  std::chrono::minutes offset{0};
  if (text[at] == 'Z' || text[at] == 'z') {
    ++at;
  } else {
    const int offset_hour = digits(text, at + 1, 2), offset_minute = digits(text, at + 4, 2);
    if ((text[at] != '+' && text[at] != '-') || offset_hour < 0 || offset_hour > 23 ||
        offset_minute < 0 || offset_minute > 59 || text[at + 3] != ':') {
      return bad();
    }
    offset = std::chrono::minutes(offset_hour * 60 + offset_minute) * (text[at] == '-' ? -1 : 1);
    at += 6;
  }
  if (at != text.size()) return bad();
  const WallTime time = WallTime(sys_days(date)) + std::chrono::hours(hour) +
                        std::chrono::minutes(minute) + std::chrono::seconds(second) +
                        Nanoseconds(fraction) - offset;
  // It is printed in UTC, and read again: the offset may not lead out of the years.
  const int utc_year = static_cast<int>(year_month_day(floor<days>(time)).year());
  if (utc_year < kYearMin || utc_year > kYearMax) return bad();
  return time;
}

}  // namespace forebay
