// Space for the log's file, had before it is needed: the file is extended ahead with fallocate in
// steps, so that running out of disk shows here, as kFull, and not inside a commit, where it would
// be fatal. It also about doubles the speed of a growing file (no metadata to sync).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>

#include "common/base/result.h"

namespace forebay {

/// What the log still takes of new events, and the most that there could be (its limit, or the disk).
struct Room {
  std::uint64_t left = 0, of = 0;  // bytes
};

class FileSpace {
 public:
  /// `descriptor` is the data file's, borrowed. `bytes_max`: the topology's limit for the file, if
  /// there is one.
  FileSpace(int descriptor, std::optional<std::uint64_t> bytes_max)
      : descriptor_(descriptor), bytes_max_(bytes_max) {}

  /// Makes sure that a commit of `needed` bytes fits, the file being used up to `used` bytes and
  /// `free_inside` telling how many bytes of freed pages lie below that (asked only if the file
  /// cannot grow). kFull if not, kIo for any other refusal.
  [[nodiscard]] Result<void> ensure(std::uint64_t needed, std::uint64_t used,
                                    const std::function<std::uint64_t()>& free_inside);
  /// As it is now; from any thread. `used` and `free_inside` as above.
  [[nodiscard]] Result<Room> room(std::uint64_t used, std::uint64_t free_inside) const;

 private:
  enum class Growth { kGrown, kDiskFull, kLimit };
  [[nodiscard]] Result<Growth> grow(std::uint64_t size, std::uint64_t wanted);

  int descriptor_;
  std::optional<std::uint64_t> bytes_max_;
  std::atomic<std::uint64_t> size_ = 0;  // the file is at least so long
};

}  // namespace forebay
