// Time as a parameter: everything that decides by time takes a Clock, so that a simulation can turn
// it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace forebay {

using Nanoseconds = std::chrono::nanoseconds;
/// Civil time (UTC); may jump.
using WallTime = std::chrono::sys_time<Nanoseconds>;
/// Time that only goes forward; its zero means nothing outside the process.
using MonoTime = std::chrono::time_point<std::chrono::steady_clock, Nanoseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual WallTime wall() const = 0;
  [[nodiscard]] virtual MonoTime mono() const = 0;
  /// Like mono, but counts the time that the machine slept too.
  [[nodiscard]] virtual MonoTime since_boot() const = 0;
  /// Whether the system says that its wall clock is synchronised with an outside source.
  [[nodiscard]] virtual bool synchronised() const = 0;
  /// What tells one boot of the machine from another; since_boot() counts within one. Empty: not
  /// known.
  [[nodiscard]] virtual std::string host_boot() const = 0;
};

/// The machine's own clocks.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override;
  [[nodiscard]] MonoTime mono() const override;
  [[nodiscard]] MonoTime since_boot() const override;
  [[nodiscard]] bool synchronised() const override;
  [[nodiscard]] std::string host_boot() const override;
};

/// RFC 3339 in UTC, e.g. "2026-03-01T09:30:00Z", with as many digits of fraction (0, 3, 6 or 9) as
/// the value needs.
[[nodiscard]] std::string to_rfc3339(WallTime time);
/// Any RFC 3339 time with offset that lies in the years 1678 to 2261 of UTC; kBadInput otherwise.
/// What it reads, to_rfc3339 prints so that it is read again.
[[nodiscard]] Result<WallTime> from_rfc3339(std::string_view text);

[[nodiscard]] inline std::int64_t unix_ns(WallTime time) { return time.time_since_epoch().count(); }
[[nodiscard]] inline WallTime wall_from_unix_ns(std::int64_t ns) {
  return WallTime(Nanoseconds(ns));
}

}  // namespace forebay
