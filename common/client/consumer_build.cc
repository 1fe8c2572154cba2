// Consumer's second view: built beside the live one by the same thread, then swapped in or kept.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/base/limits.h"
#include "common/base/planted.h"
#include "common/client/consumer.h"

namespace forebay {

Result<void> Consumer::start_build(const std::string& view,
                                   const std::map<std::string, Sequence>& from,
                                   const std::map<std::string, Sequence>& until) {
  if (build_) return fail(ErrorCode::kUnavailable, "another view is being built: wait for its end");
  if (handler_.tables().empty()) {
    return fail(ErrorCode::kBadInput,
                "it keeps no view: to build one would only run its handler again. `replay --into` "
                "does that, where it takes replays; `consumers reset --adopt` goes on after a "
                "divergence");
  }
  const bool scratch = !view.empty();
  if (scratch && !ViewFolders::is_scratch_name(view)) {
    return fail(ErrorCode::kBadInput, "a view's name is of a-z, 0-9, '.', '_', '-', and no number");
  }
  const std::string name = folders_.next_name();
  if (auto removed = folders_.remove(name); !removed) return removed;
  std::vector<ViewBuilder::StreamPlan> plans;
  std::map<std::string, Sequence> targets;
  for (const auto& [stream, state] : live_->streams()) {
    const auto end = until.find(stream);
    if (scratch && end == until.end()) continue;
    if (!state.subscription->has_cursor()) {
      return fail(ErrorCode::kUnavailable,
                  "the sidecar of " + stream + " has not been heard of yet: is it running?");
    }
    Cursor cursor{state.record.cursor.incarnation, state.record.start, 0};
    if (state.record.diverged) {
      cursor = Cursor{state.subscription->log_incarnation(), {}, 0};
      if (cursor.incarnation.none()) {
        return fail(ErrorCode::kUnavailable,
                    "the sidecar of " + stream + " has not been heard of: is it running?");
      }
      targets[stream] = state.subscription->log_head();
    }
    if (const auto begin = from.find(stream); begin != from.end())
      cursor.sequence = begin->second - 1;
    plans.push_back({stream, {}, cursor, scratch ? std::optional(end->second) : std::nullopt});
  }
  if (plans.empty())
    return fail(ErrorCode::kBadInput, "none of the streams asked for is subscribed to here");
  auto store = ConsumerStore::open(folders_.path(name), handler_.tables());
  if (!store) return fail(store.error());
  std::shared_ptr<ConsumerStore> shared = std::move(*store);
  auto builder = ViewBuilder::make(*shared, handler_, "", std::move(plans), true);
  if (!builder) return fail(builder.error());
  build_.emplace(Build{name, view, shared, std::move(*builder), std::move(targets)});
  const std::lock_guard hold(mutex_);
  progress_ = BuildProgress{true, InstanceId::random().hex(), view, 0, 0, {}};
  return {};
}

Result<void> Consumer::advance_build() {
  const auto applied = build_->builder.apply(limits::kApplyGroupBytesMax);
  if (!applied) return fail(applied.error());
  if (auto committed = build_->builder.commit(clock_.wall()); !committed)
    return fail(committed.error());
  std::uint64_t done = 0, total = 0;
  bool diverged = false;
  for (const auto& [stream, state] : build_->builder.streams()) {
    done += state.record.cursor.sequence.value;
    total +=
        state.until.value_or(std::max(state.subscription->head(), state.record.cursor.sequence))
            .value;
    diverged |= state.record.diverged;
  }
  {
    const std::lock_guard hold(mutex_);
    progress_.applied = done;
    progress_.total = total;
  }
  if (diverged) {
    end_build(Error{ErrorCode::kDiverged, "a log diverged while the view was built: try again"});
    return {};
  }
  if (!build_is_complete()) return {};
  if (build_->scratch.empty()) {
    if (auto unfit = unfit_to_swap()) {
      end_build(std::move(unfit));
      return {};
    }
    return swap_in();
  }
  return keep_scratch();
}

bool Consumer::build_is_complete() const {
  if (planted::has(planted::Bug::kSwapsBehindLiveCursor)) return true;
  for (const auto& [stream, state] : build_->builder.streams()) {
    Sequence target = live_->streams().at(stream).record.cursor.sequence;
    if (state.until) target = *state.until;
    if (const auto found = build_->targets.find(stream); found != build_->targets.end())
      target = found->second;
    if (state.record.cursor.sequence < target) return false;
  }
  return true;
}

/// A rebuilt view may lack nothing that the live one has.
std::optional<Error> Consumer::unfit_to_swap() const {
  const ReadTransaction read = store_->store().read();
  for (const ViewBuilder::Skipped& skipped : build_->builder.skipped()) {
    if (build_->targets.contains(skipped.stream))
      continue;  // diverged: the new log begins where it begins
    const auto lacked = store_->lacks_all(read, skipped.stream, skipped.first, skipped.count);
    if (!lacked) return lacked.error();
    if (*lacked) continue;
    return Error{ErrorCode::kTrimmed, "the log of " + skipped.stream + " no longer has " +
                                          std::to_string(skipped.count) + " events from " +
                                          std::to_string(skipped.first.value) + " on (" +
                                          skipped.reason +
                                          "), which the live view has: it stays as it is"};
  }
  return std::nullopt;
}

/// `lost`, and when what was applied, are the consumer's history, not the view's: they go over.
Result<void> Consumer::carry_over() {
  const ApplyTimes& times = build_->store->apply_times();
  WriteTransaction write = build_->store->store().write();
  const ReadTransaction old_read = store_->store().read();
  for (const auto& [stream, state] : build_->builder.streams()) {
    const CursorRecord& old = live_->streams().at(stream).record;
    CursorRecord record = state.record;
    Sequence applied;  // before now
    if (build_->targets.contains(stream)) {
      record.lost += old.lost;  // of another log: both are lost
      applied = record.start;
    } else {
      record.lost = std::max(record.lost, old.lost);
      record.start = old.start;
      applied = old.cursor.sequence;
      if (auto copied = times.copy(old_read, store_->apply_times(), write, stream); !copied)
        return copied;
    }
    if (applied < record.cursor.sequence) {
      if (auto put = times.put(write, stream, applied + 1, record.cursor.sequence, clock_.wall());
          !put) {
        return put;
      }
    }
    if (auto put = build_->store->put_cursor(write, stream, record); !put) return put;
  }
  return write.commit();
}

Result<void> Consumer::swap_in() {
  if (auto carried = carry_over(); !carried) return carried;
  const std::string old_view = folders_.current();
  if (auto swapped = folders_.swap(build_->name); !swapped) return swapped;
  std::vector<ViewBuilder::StreamPlan> plans;
  for (const auto& link : links_) {
    for (const auto& [stream, start] : link->plan.streams)
      plans.push_back({stream, start, std::nullopt, std::nullopt});
  }
  auto live = ViewBuilder::make(*build_->store, handler_, options_.name, std::move(plans), false);
  if (!live) return fail(live.error());
  live_.emplace(std::move(*live));
  {
    const std::lock_guard hold(mutex_);
    store_ = build_->store;
  }
  spdlog::info("rebuilt view {} is live", build_->name);
  end_build(std::nullopt);
  return folders_.remove(old_view);  // readers of it keep its pages until they let go
}

/// Only now is it there under its name: a part of it never answers, not after a crash either.
Result<void> Consumer::keep_scratch() {
  if (auto kept = folders_.keep(build_->name, build_->scratch); !kept) return kept;
  {
    const std::lock_guard hold(mutex_);
    scratch_views_[build_->scratch] = build_->store;  // readers of the one before keep its pages
  }
  end_build(std::nullopt);
  return {};
}

void Consumer::end_build(std::optional<Error> error) {
  if (error) {
    spdlog::error("building a view: {}", error->message);
    const std::string name = build_->name;
    build_.reset();
    static_cast<void>(folders_.remove(name));  // what stays is removed at the next start
  }
  const std::lock_guard hold(mutex_);
  build_.reset();
  progress_.running = false;
  progress_.error = std::move(error);
}

}  // namespace forebay
