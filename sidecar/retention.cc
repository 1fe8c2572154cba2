#include "sidecar/retention.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/base/limits.h"

namespace forebay {
namespace {

std::optional<WallTime> latest_commit(const Log& log) {
  std::optional<WallTime> latest;
  for (std::size_t i = 0; i < log.stream_count(); ++i) {
    const StreamRecord& stream = log.stream({i});
    if (stream.head().value > 0)
      latest = std::max(latest.value_or(stream.last_commit_time), stream.last_commit_time);
  }
  return latest;
}

Nanoseconds absolute(Nanoseconds difference) {
  return difference < Nanoseconds(0) ? -difference : difference;
}

}  // namespace

ClockTrust::ClockTrust(const Clock& clock, std::optional<WallTime> last_commit)
    : clock_(clock), wall_(clock.wall()), since_boot_(clock.since_boot()) {
  // A log that was idle for long, or a reboot in between, looks the same as a jump.
  doubted_ = last_commit && absolute(wall_ - *last_commit) > limits::kClockJumpMax;
}

bool ClockTrust::jumped() const {
  return absolute((clock_.wall() - wall_) - (clock_.since_boot() - since_boot_)) >
         limits::kClockJumpMax;
}

bool ClockTrust::trusted() {
  if (!doubted_ && !jumped()) return true;
  if (clock_.synchronised()) {
    wall_ = clock_.wall();
    since_boot_ = clock_.since_boot();
    if (std::exchange(doubted_, false))
      spdlog::info("retention: the clock is synchronised and trusted again");
    return true;
  }
  if (!std::exchange(doubted_, true)) {
    spdlog::warn(
        "retention: the wall clock jumped by more than an hour; nothing is trimmed by age until it "
        "is synchronised");
  }
  return false;
}

Trimmer::Trimmer(Log& log, const Clock& clock, std::vector<RetentionPolicy> policies)
    : log_(log), clock_(clock), policies_(std::move(policies)), trust_(clock, latest_commit(log)) {}

Result<std::vector<std::pair<StreamIndex, Sequence>>> Trimmer::trim() {
  std::vector<std::pair<StreamIndex, Sequence>> changed;
  if (clock_.mono() < next_look_) return changed;
  next_look_ = clock_.mono() + limits::kTrimInterval;
  const bool by_age = trust_.trusted();
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    const RetentionPolicy& policy = policies_[i];
    if (!policy.bytes && !(policy.age && by_age)) continue;
    const auto trimmed = trim_stream({i}, by_age);
    if (!trimmed) return fail(trimmed.error());
    if (!*trimmed) continue;
    changed.emplace_back(StreamIndex{i}, log_.stream({i}).oldest);
    next_look_ = clock_.mono();  // there may be more: look again after the next commit
  }
  return changed;
}

Result<bool> Trimmer::trim_stream(StreamIndex stream, bool by_age) {
  const RetentionPolicy& policy = policies_[stream.value];
  const WallTime oldest_kept = clock_.wall() - policy.age.value_or(Nanoseconds(0));
  Log::Transaction transaction = log_.begin();
  const auto trimmed =
      transaction.trim(stream, limits::kTrimBatchesPerCommit, [&](const BatchHeader& header) {
        const bool too_old = by_age && policy.age && header.place.commit_time < oldest_kept;
        return too_old || (policy.bytes && transaction.stream(stream).bytes > *policy.bytes);
      });
  if (!trimmed) return fail(trimmed.error());
  if (*trimmed == 0) return false;
  if (auto committed = transaction.commit(); !committed) return fail(committed.error());
  return true;
}

}  // namespace forebay
