// A clock that stands still until a test turns it.
#pragma once

#include "common/base/clock.h"

namespace forebay {

class ManualClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override { return wall_now; }
  [[nodiscard]] MonoTime mono() const override { return mono_now; }
  [[nodiscard]] MonoTime since_boot() const override { return mono_now; }
  [[nodiscard]] bool synchronised() const override { return is_synchronised; }

  [[nodiscard]] std::string host_boot() const override { return boot; }

  /// Both clocks go forward.
  void advance(Nanoseconds by) {
    wall_now += by;
    mono_now += by;
  }

  WallTime wall_now = wall_from_unix_ns(1'767'225'600'000'000'000);  // 2026-01-01T00:00:00Z
  MonoTime mono_now{std::chrono::hours(1)};
  bool is_synchronised = false;
  std::string boot = "first";
};

}  // namespace forebay
