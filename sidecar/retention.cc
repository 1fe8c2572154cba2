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

ClockTrust::ClockTrust(const Clock& clock, const std::optional<ClockRecord>& record,
                       std::optional<WallTime> last_commit)
    : clock_(clock), known_{clock.wall(), clock.since_boot(), false, clock.host_boot()} {
  if (record && !record->host_boot.empty() && record->host_boot == known_.host_boot) {
    known_ = *record;  // a jump that this process did not see, and doubt from before, show from it
    return;
  }
  // A log that was idle for long, or a reboot in between, looks the same as a jump; and what a
  // doubted clock wrote down vouches for nothing.
  known_.doubted = (record && record->doubted) ||
                   (last_commit && absolute(known_.wall - *last_commit) > limits::kClockJumpMax);
}

bool ClockTrust::jumped() const {
  return absolute((clock_.wall() - known_.wall) - (clock_.since_boot() - known_.since_boot)) >
         limits::kClockJumpMax;
}

bool ClockTrust::trusted() {
  if (!known_.doubted && !jumped()) return true;
  if (clock_.synchronised()) {
    known_ = {clock_.wall(), clock_.since_boot(), false, clock_.host_boot()};
    return true;
  }
  known_.doubted = true;
  return false;
}

Trimmer::Trimmer(Log& log, const Clock& clock, std::vector<RetentionPolicy> policies)
    : log_(log),
      clock_(clock),
      policies_(std::move(policies)),
      trust_(clock, log.clock(), latest_commit(log)) {}

Result<void> Trimmer::watch_clock() {
  const bool was_doubted = log_.clock() && log_.clock()->doubted;
  const bool trusted = trust_.trusted();
  const ClockRecord& known = trust_.known();
  const bool written = log_.clock() == known;
  const bool tell = !std::exchange(told_, true) || !written;
  if (tell && !trusted && keeps_by_age()) {
    spdlog::warn(
        "retention: the wall clock jumped by more than an hour, or cannot be told from one that "
        "did; nothing is trimmed by age until the system calls it synchronised");
  }
  if (trusted && was_doubted)
    spdlog::info("retention: the clock is synchronised and trusted again");
  return written ? Result<void>() : log_.put_clock(known);
}

bool Trimmer::keeps_by_age() const {
  return std::any_of(policies_.begin(), policies_.end(),
                     [](const RetentionPolicy& policy) { return policy.age.has_value(); });
}

Result<std::vector<std::pair<StreamIndex, Sequence>>> Trimmer::trim() {
  std::vector<std::pair<StreamIndex, Sequence>> changed;
  if (clock_.mono() < next_look_) return changed;
  next_look_ = clock_.mono() + limits::kTrimInterval;
  if (auto watched = watch_clock(); !watched) return fail(watched.error());
  const bool by_age = !trust_.known().doubted;
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
