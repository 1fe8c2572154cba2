// The consumer's state machine for one stream: brings every event after its cursor exactly once and
// in order, from broadcasts while they connect, from fetches where they do not. No sockets, no
// store: messages and time go in; requests and deliveries come out, so that a simulation can drive
// it. Consumer (consumer.h) gives it both.
//
//   state     it is                                 leaves it
//   FETCH     behind, or unsure: pulls ranges       → JOIN when a fetch reached the head
//   JOIN      at the live edge, as far as it knows  → LIVE when a broadcast or beacon confirms it
//                                                   → GAP when one shows more
//   LIVE      applies broadcasts                    → GAP on a batch or beacon ahead of the cursor
//                                                   → FETCH on a new boot of the sidecar
//   GAP       refills a hole from the log           → JOIN when a fetch reached the head
//   DIVERGED  the log is not the one read so far    only by an operator's reset
//
// Every state goes to DIVERGED when an incarnation differs or the chain of checksums breaks at the
// cursor. While a beacon is overdue it polls by fetching.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/event/batch.h"
#include "common/wire/beacon.h"
#include "common/wire/control.h"
#include "common/wire/transport.h"

namespace forebay {

/// How far a stream was applied.
struct Cursor {
  Incarnation incarnation;
  Sequence sequence;           // last applied
  std::uint64_t checksum = 0;  // header checksum of the batch that holds it; 0: unknown
};

/// Where a subscription without a cursor begins.
struct SubscriptionStart {
  std::string from = "earliest";  // earliest | latest | time
  WallTime time{};
};

class Subscription {
 public:
  enum class State { kFetch, kJoin, kLive, kGap, kDiverged };

  // What it delivers, in order.
  struct Started {  // where a subscription without a cursor begins; to be committed before anything
                    // is fetched
    Cursor cursor;
  };
  struct Events {
    std::shared_ptr<const Message> owner;  // keeps the bytes of `batch`
    BatchView batch;
    std::uint64_t skip;  // events at its beginning that were applied before
  };
  struct Missing {  // the cursor jumps past them
    Sequence first;
    std::uint64_t count;
    std::string reason;
    std::uint64_t checksum;  // of the gap record that says so; 0: unknown
  };
  struct Divergence {  // to be committed; nothing is delivered after it
    std::string reason;
  };
  using Delivery = std::variant<Started, Events, Missing, Divergence>;

  /// Without a `consumer` name it does not register with the sidecar, and needs a cursor.
  Subscription(std::string stream, std::string consumer, std::optional<Cursor> cursor,
               SubscriptionStart start);

  /// Begins in DIVERGED, as it was committed.
  void begin_diverged();

  // input
  /// A body from the stream's broadcast topic.
  void on_broadcast(Message body, MonoTime now);
  /// A reply to one of its requests (by envelope id); `batches` is the second frame.
  void on_reply(const ReplyMessage& reply, Message batches, MonoTime now);
  /// The sidecar does not know its registration (any more).
  void on_forgotten();
  /// Everything delivered so far is in the consumer's store.
  void on_committed() { uncommitted_start_ = false; }

  // output
  [[nodiscard]] std::optional<Delivery> next_delivery();
  /// Requests that are due; `next_id` is counted up for each. While all but one fetch reply is
  /// delivered it asks for the next: taken before next_delivery(), that one is on its way meanwhile.
  [[nodiscard]] std::vector<std::pair<Envelope, Request>> take_requests(MonoTime now,
                                                                        std::uint64_t& next_id);
  [[nodiscard]] MonoTime next_due() const;

  // what is known of it
  [[nodiscard]] const std::string& stream() const { return stream_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool has_cursor() const { return has_cursor_; }
  /// As of the last delivery.
  [[nodiscard]] const Cursor& cursor() const { return cursor_; }
  /// The highest head heard of.
  [[nodiscard]] Sequence head() const { return head_; }
  /// When a head was last heard of: whoever has come to head() had everything at that time.
  [[nodiscard]] std::optional<MonoTime> heard() const { return heard_; }
  /// Bytes of batches that wait to be delivered, beside those of replies not yet opened.
  [[nodiscard]] std::size_t undelivered_bytes() const { return undelivered_bytes_; }
  /// When the next beacon is overdue; nullopt: none was heard since the start.
  [[nodiscard]] std::optional<MonoTime> beacon_due() const { return beacon_due_; }
  /// How long the most silent producer has been silent.
  [[nodiscard]] std::chrono::milliseconds producer_silence(MonoTime now) const;
  /// The incarnation that the sidecar last named, for an operator's `reset`.
  [[nodiscard]] const Incarnation& log_incarnation() const { return log_incarnation_; }
  /// Up to where that log is certain to hold what was read of the cursor's incarnation: how far
  /// `reset --adopt` may go on. nullopt: the sidecar has not answered the registration yet.
  [[nodiscard]] std::optional<Sequence> log_shared() const { return log_shared_; }
  /// Of the log as it is now, unlike head(), which a log that was replaced or rolled back may never
  /// reach again.
  [[nodiscard]] Sequence log_head() const { return log_head_; }

 private:
  void transition(State next, std::string_view why);
  void diverge(std::string reason);
  void on_batch(std::shared_ptr<const Message> owner, const BatchView& batch, bool live);
  void buffer(std::shared_ptr<const Message> owner, const BatchHeader& header);
  void on_beacon(const Beacon& beacon, MonoTime now);
  void on_boot(const BootId& boot);
  void deliver(std::shared_ptr<const Message> owner, const BatchView& batch);
  void skip_to(Sequence next, std::string reason);
  void hear_head(Sequence head, MonoTime now);
  void hear_log(const Incarnation& incarnation, Sequence head);
  void drain_live_buffer();
  [[nodiscard]] bool behind() const;
  [[nodiscard]] Sequence fetch_from() const;
  [[nodiscard]] bool open_fetched();
  void forget_fetches();
  void take_fetched(const std::shared_ptr<const Message>& batches);
  void fetch_on(Sequence before, MonoTime now);

  void on(const Subscribed& reply, MonoTime now);
  void on(const Batches& reply, std::shared_ptr<const Message> batches, MonoTime now);
  void on(const Trimmed& reply, MonoTime now);
  void on(const Corrupt& reply, MonoTime now);
  void on(const Diverged& reply);
  void on(const ErrorReply& reply, MonoTime now);

  std::string stream_;
  std::string consumer_;
  SubscriptionStart start_;
  State state_ = State::kFetch;
  bool has_cursor_;
  Cursor cursor_;
  bool uncommitted_start_ = false;

  std::deque<Delivery> deliveries_;
  std::size_t undelivered_bytes_ = 0;
  struct Buffered {
    std::shared_ptr<const Message> owner;
    BatchHeader header;
  };
  struct Fetched {
    Batches reply;
    std::shared_ptr<const Message> batches;
    MonoTime arrived;
  };
  std::deque<Fetched> fetched_;  // replies with more after them, not yet opened: at most two
  std::uint64_t fetch_bytes_ = limits::kFetchReplyBytesMax;
  std::deque<Buffered> live_buffer_;  // broadcasts ahead of a fetch that is under way
  std::size_t live_buffer_bytes_ = 0;

  BootId boot_;                                  // of the sidecar, as last heard
  bool registered_ = false;                      // with that boot
  std::vector<std::uint64_t> registration_ids_;  // asked with, of that boot; any may be answered
  std::uint64_t fetch_id_ = 0;                   // of the fetch under way; 0: none
  MonoTime not_before_{};   // no request before that: the last was refused or brought nothing
  MonoTime request_due_{};  // next registration or fetch, or when the one under way counts as lost

  Incarnation log_incarnation_;
  std::optional<Sequence> log_shared_;
  Sequence log_head_;
  Sequence head_;
  std::optional<MonoTime> heard_;
  std::optional<MonoTime> beacon_due_;
  std::optional<Beacon> last_beacon_;
  MonoTime last_beacon_at_{};
};

[[nodiscard]] std::string_view to_string(Subscription::State state);

}  // namespace forebay
