// What a feed's own report says: its metrics, and that its sidecar takes nothing.
#pragma once

#include "common/base/clock.h"
#include "common/watch/rate.h"
#include "common/watch/watch.h"

namespace forebay {

/// For one thread.
class FeedLook {
 public:
  /// `clock` outlives it.
  explicit FeedLook(const Clock& clock) : clock_(clock) {}

  /// `report`: {feed, lines, published, rejected, acknowledged, unacknowledged_bytes, held}.
  [[nodiscard]] Findings look(const Json& report);

 private:
  const Clock& clock_;
  Rate rate_;
};

}  // namespace forebay
