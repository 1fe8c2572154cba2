// How fast a count grows, from one look to the next: for STATUS=.
#pragma once

#include <cmath>
#include <cstdint>

#include "common/base/clock.h"

namespace forebay {

/// For one thread.
class Rate {
 public:
  /// A second, since the last call; 0 at the first, and for a count that began anew.
  [[nodiscard]] std::int64_t of(std::uint64_t count, MonoTime now) {
    const double passed = std::chrono::duration<double>(now - looked_).count();
    const bool known = looked_ != MonoTime{} && passed > 0 && count >= count_;
    const double grown = known ? static_cast<double>(count - count_) / passed : 0;
    count_ = count;
    looked_ = now;
    return std::llround(grown);
  }

 private:
  std::uint64_t count_ = 0;
  MonoTime looked_{};
};

}  // namespace forebay
