// The events that every system of the benchmark carries: each with its own subject and time, and
// encoded exactly as many bytes as asked for. Whoever publishes has to make and encode each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/event/event_codec.h"
#include "common/event/msgpack_out.h"

namespace forebay::bench {

class MadeEvents {
 public:
  /// `bytes`: of an encoded event, 64 or more.
  explicit MadeEvents(std::size_t bytes) : size_(bytes) {
    event_.type = "stock.adjusted";
    for (std::size_t pad = bytes - kOverhead;; --pad) {
      set_data(pad);
      if (encode(0).size() <= bytes) break;
    }
    FOREBAY_INVARIANT(encode(0).size() == bytes);
  }

  [[nodiscard]] std::size_t size() const { return size_; }

  /// The event of that number, which is also its key; of now unless told: valid until the next.
  const Event& event(std::uint64_t number, std::optional<WallTime> time = {}) {
    event_.subject = "sku-00000000";
    for (std::size_t at = event_.subject.size() - 1; number > 0 && at > 3; --at, number /= 10)
      event_.subject[at] = static_cast<char>('0' + number % 10);
    event_.time = time ? *time : clock_.wall();
    return event_;
  }

  /// The same as its bytes, for those who carry bytes: valid until the next.
  const std::string& encode(std::uint64_t number, std::optional<WallTime> time = {}) {
    encoded_.clear();
    FOREBAY_INVARIANT(encode_event(event(number, time), WallTime{}, encoded_).has_value());
    return encoded_;
  }

 private:
  static constexpr std::size_t kOverhead = 38;  // about what an event without data takes

  void set_data(std::size_t pad) {
    event_.data.clear();
    MsgpackOut out{event_.data};
    MsgpackPacker pack(out);
    pack_text(pack, std::string(pad, 'x'));
  }

  std::size_t size_;
  SystemClock clock_;
  Event event_;
  std::string encoded_;
};

}  // namespace forebay::bench
