// Events to measure with: each with a subject and, once published, a time of its own, and encoded
// exactly as many bytes as asked for. For one thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/event/event.h"

namespace forebay {

class MadeEvents {
 public:
  static constexpr std::size_t kBytesMin = 64;

  /// `bytes`: of an encoded event, kBytesMin to limits::kEventBytesMax.
  explicit MadeEvents(std::size_t bytes);

  /// The event of that number, without a time; valid until the next.
  [[nodiscard]] const Event& event(std::uint64_t number);

 private:
  Event event_;
};

}  // namespace forebay
