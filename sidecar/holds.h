// What keeps retention from trimming, and what that keeps out: how far each registered consumer has
// come in each stream, which streams therefore take no new events, and whether the wall clock tells
// an age. Told by the ingest and commit threads, asked by both.
#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/log/log.h"

namespace forebay {

class Holds {
 public:
  struct Laggard {
    std::string consumer;
    Sequence cursor;
  };

  explicit Holds(std::size_t streams) : streams_(streams), refusing_(streams) {}

  void set(StreamIndex stream, const std::string& consumer, Sequence cursor) {
    const std::lock_guard hold(mutex_);
    Cursors& of = streams_[stream.value];
    of.by_consumer[consumer] = cursor;
    of.last.reset();
  }
  void forget(StreamIndex stream, const std::string& consumer) {
    const std::lock_guard hold(mutex_);
    Cursors& of = streams_[stream.value];
    of.by_consumer.erase(consumer);
    of.last.reset();
  }
  /// The consumer that has come least far; nullopt if none is registered.
  [[nodiscard]] std::optional<Laggard> last(StreamIndex stream) const {
    const std::lock_guard hold(mutex_);
    Cursors& of = streams_[stream.value];
    if (!of.last && !of.by_consumer.empty()) {
      for (const auto& [consumer, cursor] : of.by_consumer) {
        if (!of.last || cursor < of.last->cursor) of.last = Laggard{consumer, cursor};
      }
    }
    return of.last;
  }

  /// Whether a stream takes no new events, since there is no room for them but what a consumer has
  /// yet to read.
  void refuse(StreamIndex stream, bool refusing) {
    refusing_[stream.value].store(refusing, std::memory_order_relaxed);
  }
  [[nodiscard]] bool refusing(StreamIndex stream) const {
    return refusing_[stream.value].load(std::memory_order_relaxed);
  }

  /// Whether nothing is trimmed by age, though something is to be, since the clock may be wrong.
  void doubt_clock(bool doubted) { clock_doubted_.store(doubted, std::memory_order_relaxed); }
  [[nodiscard]] bool clock_doubted() const {
    return clock_doubted_.load(std::memory_order_relaxed);
  }
  /// An operator says that it is right.
  void vouch_for_clock() { clock_vouched_for_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool take_vouched_for_clock() { return clock_vouched_for_.exchange(false); }

 private:
  struct Cursors {
    std::map<std::string, Sequence> by_consumer;
    std::optional<Laggard> last;  // none: to be found again
  };
  mutable std::mutex mutex_;
  mutable std::vector<Cursors> streams_;
  std::vector<std::atomic<bool>> refusing_;
  std::atomic<bool> clock_doubted_ = false, clock_vouched_for_ = false;
};

}  // namespace forebay
