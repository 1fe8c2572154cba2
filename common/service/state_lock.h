// One process owns a state directory: an flock on its file `lock`, taken before a store is opened
// or a socket bound, and held until the process ends, however it ends. Offline tools take the same
// lock or refuse.
#pragma once

#include <string>

#include "common/base/result.h"

namespace forebay {

/// Whether its locks cannot be relied on.
[[nodiscard]] bool on_remote_file_system(const std::string& dir);

class StateLock {
 public:
  /// Makes `dir` (mode 0700) with its parents if missing. kUnavailable if another process holds it;
  /// kIo otherwise, also for a remote file system, whose locks LMDB cannot rely on.
  [[nodiscard]] static Result<StateLock> take(const std::string& dir);
  StateLock(StateLock&& other) noexcept;
  StateLock& operator=(StateLock&&) = delete;
  ~StateLock();

 private:
  explicit StateLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace forebay
