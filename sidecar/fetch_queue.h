// Between the ingest thread, which takes requests off the control socket, and the fetch thread,
// which reads the log. Bounded: so many per peer, so many in all. A fetch is under way until its
// reply has left, so that a peer that asks and does not read holds no more than that.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>

#include "common/base/limits.h"
#include "common/base/mailbox.h"
#include "sidecar/work.h"

namespace forebay {

class FetchQueue {
 public:
  struct Request {
    Peer peer;
    std::variant<Fetch, Find> body;
    std::shared_ptr<const void> slot = {};
  };

  /// A place among the peer's long replies, for Outgoing::slot; nullptr if it has as many as it
  /// may.
  [[nodiscard]] std::shared_ptr<const void> take_slot(const std::string& route) {
    const std::lock_guard hold(under_way_->mutex);
    std::size_t& count = under_way_->by_route[route];
    // One more than promised: ZeroMQ lets go of a reply a moment after the peer has all of it.
    if (count > limits::kFetchesInFlightPerPeerMax) return nullptr;
    ++count;
    ++under_way_->replies;
    return {under_way_.get(), [under_way = under_way_, route](const void*) {
              const std::lock_guard hold_again(under_way->mutex);
              --under_way->replies;
              const auto found = under_way->by_route.find(route);
              if (--found->second == 0) under_way->by_route.erase(found);
            }};
  }

  /// False if the peer, or the queue, has as many under way as it may.
  [[nodiscard]] bool push(Request request) {
    const std::lock_guard hold(mutex_);
    if (requests_.size() >= limits::kFetchQueueMax) return false;
    request.slot = take_slot(request.peer.route);
    if (!request.slot) return false;
    requests_.push_back(std::move(request));
    arrived_.notify_one();
    return true;
  }

  /// Waits for a request; nullopt once stopped.
  [[nodiscard]] std::optional<Request> take() {
    std::unique_lock hold(mutex_);
    arrived_.wait(hold, [this] { return stopped_ || !requests_.empty(); });
    if (stopped_) return std::nullopt;
    Request request = std::move(requests_.front());
    requests_.pop_front();
    return request;
  }

  /// The request that was taken is answered.
  void done(Request request, Outgoing reply) {
    reply.slot = std::move(request.slot);
    replies_.post(std::move(reply));
  }

  /// Whether any request waits or its reply is on its way.
  [[nodiscard]] bool busy() const {
    const std::lock_guard hold(under_way_->mutex);
    return !under_way_->by_route.empty();
  }

  /// Answers on their way back to the ingest thread.
  [[nodiscard]] Mailbox<Outgoing>& replies() { return replies_; }

  /// How long the next reply may be: its share of what all that are under way may take, so that
  /// one consumer that catches up waits for few replies, and many do not fill the memory.
  [[nodiscard]] std::size_t reply_bytes_max() const {
    const std::lock_guard hold(under_way_->mutex);
    return std::clamp(
        limits::kFetchRepliesBytesTarget / std::max<std::size_t>(under_way_->replies, 1),
        limits::kFetchReplyBytesMin, limits::kFetchReplyBytesMax);
  }

  void stop() {
    const std::lock_guard hold(mutex_);
    stopped_ = true;
    arrived_.notify_one();
  }

 private:
  /// Shared with each slot: ZeroMQ may hold a reply for longer than there is a queue.
  struct UnderWay {
    std::mutex mutex;
    std::map<std::string, std::size_t> by_route;
    std::size_t replies = 0;
  };

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Request> requests_;
  std::shared_ptr<UnderWay> under_way_ = std::make_shared<UnderWay>();
  Mailbox<Outgoing> replies_;
  bool stopped_ = false;
};

}  // namespace forebay
