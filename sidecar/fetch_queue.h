// Between the ingest thread, which takes requests off the control socket, and the fetch thread,
// which reads the log. Bounded: so many per peer, so many in all.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
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
  };

  /// False if the peer, or the queue, has as many under way as it may.
  [[nodiscard]] bool push(Request request) {
    const std::lock_guard hold(mutex_);
    std::size_t& under_way = per_peer_[request.peer.route];
    if (under_way >= limits::kFetchesInFlightPerPeerMax ||
        requests_.size() >= limits::kFetchQueueMax)
      return false;
    ++under_way;
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

  /// The request of `peer` that was taken is answered.
  void done(const Peer& peer, Outgoing reply) {
    {
      const std::lock_guard hold(mutex_);
      const auto found = per_peer_.find(peer.route);
      if (found != per_peer_.end() && --found->second == 0) per_peer_.erase(found);
    }
    replies_.post(std::move(reply));
  }

  /// Answers on their way back to the ingest thread.
  [[nodiscard]] Mailbox<Outgoing>& replies() { return replies_; }

  void stop() {
    const std::lock_guard hold(mutex_);
    stopped_ = true;
    arrived_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Request> requests_;
  std::map<std::string, std::size_t> per_peer_;
  Mailbox<Outgoing> replies_;
  bool stopped_ = false;
};

}  // namespace forebay
