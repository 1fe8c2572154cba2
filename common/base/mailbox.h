// Hands values from any thread to the one that owns the mailbox and polls its descriptor.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "common/base/last_words.h"
#include "common/base/result.h"

namespace forebay {

template <class T>
class Mailbox {
 public:
  Mailbox() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (descriptor_ < 0) end_without("a mailbox", errno);
  }
  ~Mailbox() { ::close(descriptor_); }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  void post(T value) {
    bool first = false;
    {
      const std::lock_guard hold(mutex_);
      first = values_.empty();
      values_.push_back(std::move(value));
    }
    if (first) ring();  // whoever wakes does not find the mutex held
  }

  /// Everything posted since the last call, in order.
  [[nodiscard]] std::vector<T> take() {
    std::uint64_t rings = 0;
    // Nothing to read is fine: the descriptor is only a bell. It is read first, so that what it
    // rang for is there to be taken.
    static_cast<void>(!::read(descriptor_, &rings, sizeof rings));
    const std::lock_guard hold(mutex_);
    return std::exchange(values_, {});
  }

  /// Readable once there is something to take, and at times when it was taken already.
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  void ring() {
    const std::uint64_t one = 1;
    FOREBAY_INVARIANT(::write(descriptor_, &one, sizeof one) == sizeof one);
  }

  int descriptor_;
  std::mutex mutex_;
  std::vector<T> values_;
};

}  // namespace forebay
