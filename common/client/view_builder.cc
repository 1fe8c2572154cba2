#include "common/client/view_builder.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/base/limits.h"
#include "common/base/planted.h"
#include "common/event/event_codec.h"

namespace forebay {

void Handler::apply_gap(const Gap&, ViewWriter&) {}

Result<ViewBuilder> ViewBuilder::make(ConsumerStore& store, Handler& handler, std::string consumer,
                                      std::vector<StreamPlan> plans, bool replayed) {
  ViewBuilder builder(store, handler, std::move(consumer), replayed);
  const ReadTransaction read = store.store().read();
  for (StreamPlan& plan : plans) {
    auto stored = store.cursor(read, plan.stream);
    if (!stored) return fail(stored.error());
    StreamState state;
    state.until = plan.until;
    std::optional<Cursor> cursor = plan.from;
    if (plan.from) state.record = CursorRecord{*plan.from, plan.from->sequence, 0, 0, {}, false};
    if (*stored) {
      state.record = **stored;
      cursor = state.record.cursor;
    }
    state.subscription =
        std::make_unique<Subscription>(plan.stream, builder.consumer_, cursor, plan.start);
    if (state.record.diverged) state.subscription->begin_diverged();
    state.committed = state.record.cursor.sequence;
    builder.streams_.emplace(plan.stream, std::move(state));
  }
  return builder;
}

Subscription* ViewBuilder::subscription(std::string_view stream) {
  const auto found = streams_.find(std::string(stream));
  const bool wanted = found != streams_.end() && !found->second.finished();
  return wanted ? found->second.subscription.get() : nullptr;
}

std::vector<Subscription*> ViewBuilder::subscriptions() {
  std::vector<Subscription*> all;
  for (auto& [stream, state] : streams_) {
    if (!state.finished()) all.push_back(state.subscription.get());
  }
  return all;
}

WriteTransaction& ViewBuilder::group() {
  if (!group_) group_.emplace(store_->store().write());
  return *group_;
}

Result<std::size_t> ViewBuilder::apply(std::size_t bytes_max) {
  std::size_t bytes = 0;
  // Another one first each time: a stream with much to apply does not keep the others waiting.
  auto turn = streams_.upper_bound(last_first_);
  if (turn == streams_.end()) turn = streams_.begin();
  if (turn != streams_.end()) last_first_ = turn->first;
  for (std::size_t i = 0; i < streams_.size(); ++i, ++turn) {
    if (turn == streams_.end()) turn = streams_.begin();
    auto& [stream, state] = *turn;
    while (bytes < bytes_max && !state.finished()) {
      const auto delivery = state.subscription->next_delivery();
      if (!delivery) break;
      const auto applied = apply_delivery(stream, state, *delivery);
      if (!applied) return fail(applied.error().in("view of " + stream));
      bytes += *applied;
      state.applied_since_commit = true;
    }
  }
  return bytes;
}

Result<std::size_t> ViewBuilder::apply_delivery(const std::string& stream, StreamState& state,
                                                const Subscription::Delivery& delivery) {
  if (const auto* events = std::get_if<Subscription::Events>(&delivery)) {
    return apply_events(stream, state, *events);
  }
  if (const auto* missing = std::get_if<Subscription::Missing>(&delivery)) {
    return apply_missing(stream, state, *missing);
  }
  if (const auto* started = std::get_if<Subscription::Started>(&delivery)) {
    state.record.cursor = started->cursor;
    state.record.start = state.committed = started->cursor.sequence;
  } else {
    state.record.diverged = true;
  }
  static_cast<void>(group());
  return 1;
}

Result<std::size_t> ViewBuilder::apply_events(const std::string& stream, StreamState& state,
                                              const Subscription::Events& events) {
  const BatchHeader& header = events.batch.header();
  EventRecords records = events.batch.events();
  Sequence sequence = header.first();
  ViewWriter writer(group());
  const auto shared = check_attributes(events.batch.shared());
  for (auto encoded = records.next(); encoded; encoded = records.next(), sequence = sequence + 1) {
    if (sequence.value < header.first().value + events.skip) continue;
    if (state.until && sequence > *state.until) break;
    const Result<EventView> event =
        shared ? decode_event(*encoded, events.batch.shared()) : fail(shared.error());
    Result<void> accepted;
    if (event) {
      accepted = handler_->apply(
          *event,
          {stream, sequence, header.place.commit_time, replayed_, header.origin.producer,
           header.origin.last, sequence.value - header.first().value},
          writer);
    } else {
      accepted = fail(event.error());
    }
    if (accepted) {
      auto put = writer.accept();
      // kBadInput is the event's fault; any other error is the store's, and the group ends without
      // effect.
      if (!put && put.error().code != ErrorCode::kBadInput) return fail(put.error());
      accepted = std::move(put);
    }
    if (!accepted) {
      writer.refuse();
      ++state.record.failed;
      if (const auto count = failures_.next(stream))
        spdlog::warn("{} {} failed, {} since the start: {}", stream, sequence.value, *count,
                     accepted.error().message);
      if (auto put = store_->put_failed(group(), stream, sequence, header.place.commit_time,
                                        accepted.error().message, *encoded);
          !put) {
        return fail(put.error());
      }
    }
    state.record.cursor.sequence = sequence;
  }
  state.record.cursor.incarnation = header.origin.incarnation;
  state.record.cursor.checksum = header.checksum;
  state.record.commit_time = header.place.commit_time;
  return events.batch.bytes().size();
}

Result<std::size_t> ViewBuilder::apply_missing(const std::string& stream, StreamState& state,
                                               const Subscription::Missing& missing) {
  spdlog::error("{}: {} events from {} on are lost: {}", stream, missing.count, missing.first.value,
                missing.reason);
  ViewWriter writer(group());
  if (!planted::has(planted::Bug::kGapNotTold))
    handler_->apply_gap({stream, missing.first, missing.count, missing.reason}, writer);
  if (auto put = writer.accept(); !put) return fail(put.error());
  if (auto put = store_->put_gap(group(), stream, missing.first, missing.count, missing.reason);
      !put) {
    return fail(put.error());
  }
  skipped_.push_back({stream, missing.first, missing.count, missing.reason});
  state.record.lost += missing.count;
  state.record.cursor.sequence = missing.first + (missing.count - 1);
  state.record.cursor.checksum = missing.checksum;
  return 1;
}

Result<bool> ViewBuilder::commit(WallTime now) {
  if (!group_) return false;
  if (planted::has(planted::Bug::kCursorOutsideTransaction)) {
    if (auto early = group_->commit(); !early) return fail(early.error());
    group_.emplace(store_->store().write());
  }
  for (auto& [stream, state] : streams_) {
    if (!std::exchange(state.applied_since_commit, false)) continue;
    if (auto put = store_->put_cursor(*group_, stream, state.record); !put)
      return fail(put.error());
    const Sequence first = std::exchange(state.committed, state.record.cursor.sequence) + 1;
    if (replayed_ || first > state.committed) continue;
    if (auto put = store_->apply_times().put(*group_, stream, first, state.committed, now); !put)
      return fail(put.error());
  }
  auto committed = group_->commit();
  group_.reset();
  if (!committed) return fail(committed.error());
  for (auto& [stream, state] : streams_) state.subscription->on_committed();
  return true;
}

Result<void> ViewBuilder::adopt(const std::string& stream, WallTime now) {
  const auto found = streams_.find(stream);
  if (found == streams_.end())
    return fail(ErrorCode::kNotFound, "no subscription to '" + stream + "'");
  StreamState& state = found->second;
  if (!state.record.diverged) return fail(ErrorCode::kBadInput, stream + " has not diverged");
  const std::optional<Sequence> shared = state.subscription->log_shared();
  if (!shared) {
    return fail(ErrorCode::kUnavailable,
                "the sidecar of " + stream + " has not answered yet: is it running?");
  }
  CursorRecord record = state.record;
  record.diverged = false;
  record.cursor =
      Cursor{state.subscription->log_incarnation(), std::min(record.cursor.sequence, *shared), 0};
  // What a rebuild begins with is no later than what this view goes on with.
  record.start = std::min(record.start, record.cursor.sequence);
  spdlog::warn("{}: adopted at {} under the log's incarnation, where {} was applied", stream,
               record.cursor.sequence.value, state.record.cursor.sequence.value);
  const auto refused = store_->cut(group(), stream, record.cursor.sequence);
  const auto put = refused ? store_->put_cursor(group(), stream, record) : fail(refused.error());
  if (!put) {
    group_.reset();  // nothing of it is committed with what comes next
    return put;
  }
  if (*refused > 0) {
    spdlog::warn("{}: forgot {} failed events of the log before, which came after that", stream,
                 *refused);
  }
  if (auto committed = commit(now); !committed) return fail(committed.error());
  state.record = record;
  state.committed = record.cursor.sequence;
  state.subscription =
      std::make_unique<Subscription>(stream, consumer_, record.cursor, SubscriptionStart{});
  return {};
}

}  // namespace forebay
