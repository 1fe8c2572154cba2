#include "sidecar/retention.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/base/limits.h"
#include "common/base/planted.h"

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

void ClockTrust::vouch() {
  known_ = {clock_.wall(), clock_.since_boot(), false, clock_.host_boot()};
}

bool ClockTrust::trusted(bool asks) {
  if (!known_.doubted && !jumped()) return true;
  known_.doubted = true;
  // To ask may take a while, and this is the way of each commit.
  const MonoTime now = clock_.mono();
  if (!asks || now < next_question_) return false;
  next_question_ = now + limits::kClockQuestionInterval;
  if (!clock_.synchronised()) return false;
  vouch();
  return true;
}

Trimmer::Trimmer(Log& log, const Clock& clock, Holds& holds, std::vector<RetentionPolicy> policies)
    : log_(log),
      clock_(clock),
      holds_(holds),
      policies_(std::move(policies)),
      trust_(clock, log.clock(), latest_commit(log)) {}

Result<void> Trimmer::watch_clock() {
  const bool was_doubted = log_.clock() && log_.clock()->doubted;
  if (holds_.take_vouched_for_clock()) trust_.vouch();
  const bool trusted = trust_.trusted(keeps_by_age());
  holds_.doubt_clock(!trusted && keeps_by_age());
  const ClockRecord& known = trust_.known();
  const bool written = log_.clock() == known;
  const bool tell = !std::exchange(told_, true) || !written;
  if (tell && !trusted && keeps_by_age()) {
    spdlog::warn(
        "retention: the wall clock jumped by more than an hour, or cannot be told from one that "
        "did; nothing is trimmed by age until the system calls it synchronised, or an operator "
        "says that it is right: `forebay clock trust`");
  }
  if (trusted && was_doubted) spdlog::info("retention: the clock is trusted again");
  return written ? Result<void>() : log_.put_clock(known);
}

bool Trimmer::keeps_by_age() const {
  return std::any_of(policies_.begin(), policies_.end(),
                     [](const RetentionPolicy& policy) { return policy.age.has_value(); });
}

Result<std::vector<TrimmedStream>> Trimmer::trim(Log::Transaction& transaction) {
  std::vector<TrimmedStream> changed;
  const bool look = due();
  if (look) next_look_ = clock_.mono() + limits::kTrimInterval;
  const bool by_age = look && !trust_.known().doubted;
  std::size_t budget = std::max(limits::kTrimBatchesPerCommit, 2 * transaction.appended());
  more_ = false;
  for (std::size_t i = 0; i < policies_.size() && budget > 0; ++i) {
    const StreamIndex stream{(turn_ + i) % policies_.size()};
    const RetentionPolicy& policy = policies_[stream.value];
    const bool too_many = policy.bytes && transaction.stream(stream).bytes > *policy.bytes;
    const bool damaged = damaged_.contains(stream);
    if (!too_many || damaged) holds_.refuse(stream, too_many && policy.refuses);
    if (damaged || (!too_many && !(policy.age && by_age))) continue;
    const auto trimmed = trim(transaction, stream, budget, by_age);
    if (!trimmed && trimmed.error().code == ErrorCode::kCorruption)
      return leave_alone(stream, trimmed.error());
    if (!trimmed) return fail(trimmed.error());
    if (*trimmed == 0) continue;
    changed.push_back({stream, transaction.stream(stream).oldest});
    budget -= *trimmed;
    if (budget > 0) continue;
    more_ = true;
    turn_ = stream.value + 1;
  }
  return changed;
}

Result<std::size_t> Trimmer::trim(Log::Transaction& transaction, StreamIndex stream,
                                  std::size_t batches_max, bool by_age) {
  const RetentionPolicy& policy = policies_[stream.value];
  const WallTime now = clock_.wall();
  const auto laggard = holds_.last(stream);
  const auto too_many = [&] {
    return policy.bytes && transaction.stream(stream).bytes > *policy.bytes;
  };
  bool held = false;
  const auto trimmed = transaction.trim(stream, batches_max, [&](const BatchHeader& header) {
    // What this transaction put is seen by others before it goes.
    if (header.next() > log_.stream(stream).next) return false;
    const bool unread =
        laggard && header.last() > laggard->cursor && !planted::has(planted::Bug::kTrimsPastCursor);
    if (!unread) {
      const bool too_old = by_age && policy.age && header.place.commit_time < now - *policy.age;
      return too_old || too_many();
    }
    held = too_many() && policy.refuses;
    if (!too_many() || policy.refuses) return false;
    pass(stream, *laggard);
    return true;
  });
  holds_.refuse(stream, held);
  return trimmed;
}

/// Once for each consumer that falls behind.
void Trimmer::pass(StreamIndex stream, const Holds::Laggard& laggard) {
  std::string& told = passed_[stream];
  if (told == laggard.consumer) return;
  told = laggard.consumer;
  spdlog::error(
      "retention of stream {} trims what consumer {} has yet to read (it is at {}): it will be "
      "told "
      "of a gap; `discard = \"new\"` would hold publishers instead, `forebay consumers forget` "
      "forgets it",
      log_.stream_name(stream), laggard.consumer, laggard.cursor.value);
}

tl::unexpected<Error> Trimmer::leave_alone(StreamIndex stream, const Error& error) {
  damaged_.insert(stream);
  more_ = true;  // it was not yet the others' turn
  spdlog::error(
      "retention of stream {} meets a damaged page ({}): nothing more of the stream is trimmed; "
      "`forebay verify --repair` mends it, with its sidecar stopped",
      log_.stream_name(stream), error.message);
  return fail(ErrorCode::kUnavailable, error.message);
}

Result<std::vector<TrimmedStream>> Trimmer::trim() {
  if (!due()) return std::vector<TrimmedStream>();
  if (auto watched = watch_clock(); !watched) return fail(watched.error());
  while (true) {
    Log::Transaction transaction = log_.begin();
    auto changed = trim(transaction);
    if (!changed && changed.error().code == ErrorCode::kUnavailable) continue;
    if (!changed || changed->empty()) return changed;
    if (auto committed = transaction.commit(); !committed) return fail(committed.error());
    return changed;
  }
}

}  // namespace forebay
