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
#include <utility>
#include <variant>

#include "common/base/limits.h"
#include "common/base/mailbox.h"
#include "sidecar/work.h"

namespace forebay {

class FetchQueue {
 private:
  /// Shared with each slot: ZeroMQ may hold a reply for longer than there is a queue.
  struct UnderWay {
    std::mutex mutex;
    std::map<std::string, std::size_t> by_account;
    std::size_t bytes = 0;
  };

 public:
  /// A place among the peer's long replies, for Outgoing::slot.
  class Slot {
   public:
    Slot(std::shared_ptr<UnderWay> under_way, std::string account)
        : under_way_(std::move(under_way)), account_(std::move(account)) {}
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot() {
      const std::lock_guard hold(under_way_->mutex);
      under_way_->bytes -= bytes_;
      const auto found = under_way_->by_account.find(account_);
      if (--found->second == 0) under_way_->by_account.erase(found);
    }
    /// How long the reply is that has it.
    void hold_bytes(std::size_t bytes) {
      const std::lock_guard hold(under_way_->mutex);
      under_way_->bytes += bytes - std::exchange(bytes_, bytes);
    }

   private:
    std::shared_ptr<UnderWay> under_way_;
    std::string account_;
    std::size_t bytes_ = 0;
  };

  struct Request {
    Peer peer;
    std::variant<Fetch, Find, RecordsRequest> body;
    std::shared_ptr<Slot> slot = {};
  };

  /// nullptr if the peer has as many as it may.
  [[nodiscard]] std::shared_ptr<Slot> take_slot(const std::string& account) {
    {
      const std::lock_guard hold(under_way_->mutex);
      std::size_t& count = under_way_->by_account[account];
      // One more than promised: ZeroMQ lets go of a reply a moment after the peer has all of it.
      if (count > limits::kFetchesInFlightPerPeerMax) return nullptr;
      ++count;
    }
    return std::make_shared<Slot>(under_way_, account);
  }

  /// False if the peer, or the queue, has as many under way as it may.
  [[nodiscard]] bool push(Request request) {
    const std::lock_guard hold(mutex_);
    if (requests_.size() >= limits::kFetchQueueMax) return false;
    request.slot = take_slot(request.peer.account());
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
    request.slot->hold_bytes(reply.batches.size());
    reply.slot = std::move(request.slot);
    replies_.post(std::move(reply));
  }

  /// Whether any request waits or its reply is on its way.
  [[nodiscard]] bool busy() const {
    const std::lock_guard hold(under_way_->mutex);
    return !under_way_->by_account.empty();
  }

  /// Answers on their way back to the ingest thread.
  [[nodiscard]] Mailbox<Outgoing>& replies() { return replies_; }

  /// How long the next reply may be: a part of what is left of what all may take, so that one
  /// consumer that catches up waits for few replies, and many do not fill the memory.
  [[nodiscard]] std::size_t reply_bytes_max() const {
    const std::lock_guard hold(under_way_->mutex);
    const std::size_t left = limits::kFetchRepliesBytesTarget -
                             std::min(under_way_->bytes, limits::kFetchRepliesBytesTarget);
    return std::clamp(left / 4, limits::kFetchReplyBytesMin, limits::kFetchReplyBytesMax);
  }

  void stop() {
    const std::lock_guard hold(mutex_);
    stopped_ = true;
    arrived_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Request> requests_;
  std::shared_ptr<UnderWay> under_way_ = std::make_shared<UnderWay>();
  Mailbox<Outgoing> replies_;
  bool stopped_ = false;
};

}  // namespace forebay
