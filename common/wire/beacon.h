// The beacon of a stream: docs/protocol.md section 5.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"

namespace forebay {

struct Beacon {
  struct Liveness {
    ProducerId producer;
    std::chrono::milliseconds silent{0};
  };

  Incarnation incarnation;
  BootId boot;
  Sequence head;  // last broadcast
  Sequence oldest;
  WallTime commit_time;
  std::uint64_t head_checksum = 0;
  std::chrono::milliseconds next_due{0};
  std::vector<Liveness> producers;  // the most silent first, at most limits::kBeaconProducersMax
};

[[nodiscard]] bool is_beacon(std::string_view body);
[[nodiscard]] std::string encode_beacon(const Beacon& beacon);
/// kVersion or kCorruption.
[[nodiscard]] Result<Beacon> decode_beacon(std::string_view bytes);

}  // namespace forebay
