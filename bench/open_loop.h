// Load in an open loop, and the latencies under it: timed from when each event was due, so that one
// that had to wait for others counts its wait.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/event/event_codec.h"

namespace forebay::bench {

/// Load that does not wait for who carries it: each event has its moment, kept or not, which is its
/// time, and is timed from that.
class OpenLoop {
 public:
  /// `rate`: events a second; 0: as fast as they are taken, each of now.
  explicit OpenLoop(std::uint64_t rate) : rate_(rate) {}

  std::optional<WallTime> wait_for(std::uint64_t number) const {
    if (rate_ == 0) return std::nullopt;
    const WallTime due = begin_ + Nanoseconds(number * 1'000'000'000 / rate_);
    if (clock_.wall() < due) std::this_thread::sleep_until(due);
    return due;
  }

 private:
  std::uint64_t rate_;
  SystemClock clock_;
  WallTime begin_ = clock_.wall();
};

/// How long ago those events were due of which each eighth is looked at.
class Latencies {
 public:
  void on_event(std::string_view encoded, std::string_view shared, WallTime arrived) {
    if (seen_++ % 8 != 0) return;
    const auto event = decode_event(encoded, shared);
    FOREBAY_INVARIANT(event.has_value());
    taken_.push_back((arrived - event->time).count());
  }
  [[nodiscard]] std::vector<std::int64_t>& taken() { return taken_; }

 private:
  std::uint64_t seen_ = 0;
  std::vector<std::int64_t> taken_;
};

}  // namespace forebay::bench
