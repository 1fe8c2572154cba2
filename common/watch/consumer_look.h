// What a consumer's own status says: its metrics, and what of it is worth an alert. That it lags or
// stands still its sidecars say, who know it though it is gone; what only it can tell is that a
// sidecar is not heard of.
#pragma once

#include <map>
#include <string>

#include "common/base/clock.h"
#include "common/watch/rate.h"
#include "common/watch/watch.h"

namespace forebay {

/// For one thread.
class ConsumerLook {
 public:
  /// `clock` outlives it.
  ConsumerLook(const Clock& clock, Nanoseconds beacon_silent)
      : clock_(clock), beacon_silent_(beacon_silent), began_(clock.mono()) {}

  /// `status` as node_control.h has it.
  [[nodiscard]] Findings look(const Json& status);

 private:
  [[nodiscard]] std::string line(const Json& streams);
  void look_at_stream(const Json& stream, Findings& findings) const;

  const Clock& clock_;
  Nanoseconds beacon_silent_;
  MonoTime began_;
  std::map<std::string, std::uint64_t> cursors_;  // of each stream, as of the last look
  std::uint64_t applied_ = 0;                     // since the first
  Rate rate_;
};

}  // namespace forebay
