// The network of a simulation. A link keeps the order of what it carries, as one connection of
// ZeroMQ does; links are late independently of each other, so that order between them is anything.
// What is under way in a link that is cut is lost.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "tests/sim/random.h"

namespace forebay::sim {

template <class T>
class Link {
 public:
  explicit Link(Random& random) : random_(&random) {}

  void send(T value, MonoTime now) {
    // Mostly quick, sometimes slow, and as late as what went before it.
    const auto delay = random_->one_in(50) ? random_->ms(20, slow_ms_) : random_->ms(0, 4);
    last_due_ = std::max({last_due_, now + delay, down_until_});
    in_flight_.emplace_back(last_due_, std::move(value));
  }
  [[nodiscard]] std::optional<T> receive(MonoTime now) {
    if (in_flight_.empty() || in_flight_.front().first > now) return std::nullopt;
    T value = std::move(in_flight_.front().second);
    in_flight_.pop_front();
    return value;
  }
  [[nodiscard]] std::size_t size() const { return in_flight_.size(); }
  [[nodiscard]] bool down(MonoTime now) const { return now < down_until_; }
  void cut(MonoTime until) {
    in_flight_.clear();
    down_until_ = std::max(down_until_, until);
  }
  void slow(std::uint64_t ms) { slow_ms_ = ms; }

 private:
  Random* random_;
  std::deque<std::pair<MonoTime, T>> in_flight_;
  MonoTime last_due_{};
  MonoTime down_until_{};
  std::uint64_t slow_ms_ = 60;
};

struct ReplyFrames {
  std::string control;
  std::string batches;
};

/// What one client has with the sidecar.
struct Connection {
  Connection(Random& random, std::size_t number)
      : index(number), requests(random), replies(random), batches(random), broadcasts(random) {
    reconnect();
  }

  std::size_t index;
  std::string route;  // as the sidecar's ROUTER names it; another one after each reconnect
  Link<std::string> requests;
  Link<ReplyFrames> replies;
  Link<std::string> batches;     // PUSH
  Link<std::string> broadcasts;  // SUB
  bool listens = false;          // to broadcasts
  MonoTime deaf_until{};         // PUB drops what is for it
  std::string last_batch;        // for a stale copy

  void cut_control(MonoTime until) {
    requests.cut(until);
    replies.cut(until);
    reconnect();
  }
  void cut_all(MonoTime until) {
    cut_control(until);
    batches.cut(until);
    broadcasts.cut(until);
  }

 private:
  void reconnect() { route = "c" + std::to_string(index) + "." + std::to_string(generation_++); }
  int generation_ = 0;
};

}  // namespace forebay::sim
