// Hands values from any thread to the one that owns the mailbox and polls its descriptor.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace forebay {

template <class T>
class Mailbox {
 public:
  Mailbox() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    FOREBAY_INVARIANT(descriptor_ >= 0);
  }
  ~Mailbox() { ::close(descriptor_); }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  void post(T value) {
    const std::lock_guard hold(mutex_);
    if (values_.empty()) ring();
    values_.push_back(std::move(value));
  }

  /// Everything posted since the last call, in order.
  [[nodiscard]] std::vector<T> take() {
    const std::lock_guard hold(mutex_);
    std::uint64_t rings = 0;
    // Nothing to read is fine: the descriptor is only a bell.
    if (!values_.empty()) static_cast<void>(!::read(descriptor_, &rings, sizeof rings));
    return std::exchange(values_, {});
  }

  /// Readable while there is something to take.
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
