// Keys of the log's environment: docs/log-format.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/ids.h"

namespace forebay::log_layout {

inline constexpr std::uint32_t kFormat = 3;
// Named as the database that format 1 kept its number in, so that a build of then stops here.
inline constexpr std::string_view kFormatKey = "meta";
inline constexpr std::string_view kBootKey = "boot";
inline constexpr std::string_view kClockKey = "clock";
// Before the names of what there are many of.
inline constexpr std::string_view kStreamPrefix = "stream/";
inline constexpr std::string_view kProducerPrefix = "producer/";
inline constexpr std::string_view kConsumerPrefix = "consumer/";
inline constexpr std::string_view kBatchesPrefix = "s/";

inline std::string stream_key(std::string_view name) {
  return std::string(kStreamPrefix).append(name);
}
inline std::string batches_key(std::string_view stream) {
  return std::string(kBatchesPrefix).append(stream);
}
inline std::string producer_key(ProducerId id) {
  std::string key(kProducerPrefix);
  append_le(key, id.value);
  return key;
}
inline std::string consumer_key(std::string_view stream, std::string_view consumer) {
  return std::string(kConsumerPrefix).append(stream).append(1, '\0').append(consumer);
}

inline constexpr std::size_t kPageBytes = 4096, kPageHeaderBytes = 16;

}  // namespace forebay::log_layout
