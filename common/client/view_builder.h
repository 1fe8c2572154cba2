// Builds one view from its streams: the subscriptions, and what applies their deliveries to a
// ConsumerStore in groups, a transaction each, together with the cursors. The live view of a
// consumer is one; a rebuild, or a view of the past, is another one beside it, driven by the same
// loop. No sockets and no threads.
//
// A handler's refusal of an event is recorded in the same transaction and the rest goes on. An
// error of the store ends the process: the group had no effect and is applied again after the
// restart.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ever_rarer.h"
#include "common/client/consumer_store.h"
#include "common/client/handler.h"
#include "common/client/subscription.h"

namespace forebay {

class ViewBuilder {
 public:
  struct StreamPlan {
    std::string stream;
    SubscriptionStart start;
    /// Begins here instead of at `start` where the store has no cursor of the stream; and no
    /// registration with the sidecar then.
    std::optional<Cursor> from;
    /// Stops after this sequence.
    std::optional<Sequence> until;
  };

  /// `store` and `handler` outlive it. `consumer`: the name to register with the sidecars; empty
  /// for none.
  [[nodiscard]] static Result<ViewBuilder> make(ConsumerStore& store, Handler& handler,
                                                std::string consumer, std::vector<StreamPlan> plans,
                                                bool replayed);

  struct StreamState {
    CursorRecord record;  // as applied, perhaps not committed yet
    std::unique_ptr<Subscription> subscription;
    std::optional<Sequence> until;
    Sequence committed;  // the cursor
    bool applied_since_commit = false;

    /// It has come as far as it shall.
    [[nodiscard]] bool finished() const { return until && record.cursor.sequence >= *until; }
  };
  [[nodiscard]] const std::map<std::string, StreamState>& streams() const { return streams_; }
  /// nullptr: no such stream, or it has come as far as it shall and takes no more.
  [[nodiscard]] Subscription* subscription(std::string_view stream);
  [[nodiscard]] std::vector<Subscription*> subscriptions();

  /// Applies what is delivered, up to `bytes_max` of batches, into the open group. Returns the
  /// bytes applied; 0: nothing was there.
  [[nodiscard]] Result<std::size_t> apply(std::size_t bytes_max);
  /// Commits the open group, if there is one; true if there was. `now` is kept as when it was
  /// applied (apply_times.h), unless the events were replayed: what is built anew was applied before.
  [[nodiscard]] Result<bool> commit(WallTime now);

  /// The first range that was skipped and is not among `allowed`, by stream; for a rebuild, which
  /// may lack nothing that the live view has.
  struct Skipped {
    std::string stream;
    Sequence first;
    std::uint64_t count;
    std::string reason;
  };
  [[nodiscard]] const std::vector<Skipped>& skipped() const { return skipped_; }

  /// Takes a stream out of DIVERGED: goes on under the log's incarnation, from its cursor or, where
  /// the log is not certain to be up to there what was applied, from the last event of which it is.
  /// kBadInput if it has not diverged, kUnavailable if the sidecar has not said yet.
  [[nodiscard]] Result<void> adopt(const std::string& stream, WallTime now);

 private:
  ViewBuilder(ConsumerStore& store, Handler& handler, std::string consumer, bool replayed)
      : store_(&store), handler_(&handler), consumer_(std::move(consumer)), replayed_(replayed) {}

  [[nodiscard]] Result<std::size_t> apply_delivery(const std::string& stream, StreamState& state,
                                                   const Subscription::Delivery& delivery);
  [[nodiscard]] Result<std::size_t> apply_events(const std::string& stream, StreamState& state,
                                                 const Subscription::Events& events);
  [[nodiscard]] Result<std::size_t> apply_missing(const std::string& stream, StreamState& state,
                                                  const Subscription::Missing& missing);
  [[nodiscard]] WriteTransaction& group();

  ConsumerStore* store_;
  Handler* handler_;
  std::string consumer_;
  bool replayed_;
  std::map<std::string, StreamState> streams_;
  std::optional<WriteTransaction> group_;
  std::string last_first_;  // the stream that apply began with
  std::vector<Skipped> skipped_;
  EverRarer failures_;  // logged, by stream
};

}  // namespace forebay
