// The first failure of any thread of a sidecar. After it nothing can be promised any more: every
// thread ends as soon as it sees it.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>

#include "common/base/last_words.h"
#include "common/base/mailbox.h"
#include "common/base/result.h"

namespace forebay {

class Failure {
 public:
  void set(const Error& error) {
    say_last_words(error.message);  // now: the other threads end with what they have to say of it
    {
      const std::lock_guard hold(mutex_);
      if (!first_) first_ = error;
    }
    happened_ = true;
    bell_.post({});
  }
  [[nodiscard]] bool happened() const { return happened_; }
  /// Readable from the first one on.
  [[nodiscard]] int descriptor() const { return bell_.descriptor(); }
  /// The first one.
  [[nodiscard]] Result<void> result() const {
    const std::lock_guard hold(mutex_);
    return first_ ? fail(*first_) : Result<void>();
  }

 private:
  mutable std::mutex mutex_;
  std::optional<Error> first_;
  std::atomic<bool> happened_ = false;
  Mailbox<char> bell_;
};

}  // namespace forebay
