#include "sidecar/commit_thread.h"

#include "common/base/limits.h"

namespace forebay {

using std::chrono::milliseconds;

void CommitThread::run() {
  MonoTime reports_due = clock_.mono() + limits::kCursorCommitInterval;
  bool more_to_trim = false;
  while (!queue_.finished() && !failure_.happened()) {
    const bool with_reports = clock_.mono() >= reports_due;
    if (with_reports) reports_due = clock_.mono() + limits::kCursorCommitInterval;
    // What is due is trimmed in small steps without a pause.
    queue_.wait(more_to_trim ? milliseconds(0) : milliseconds(limits::kTrimInterval), with_reports);
    const std::lock_guard turn(turn_);
    if (failure_.happened()) return;
    auto work = queue_.take(limits::kCommitBytesMax, with_reports);
    if (!work.empty()) {
      broadcasts_.tell(commit(std::move(work)));
    } else {
      auto trimmed = trimmer_.trim();
      if (!trimmed) return failure_.set(trimmed.error());
      if (!trimmed->empty()) broadcasts_.tell(BroadcastNews{{}, std::move(*trimmed)});
    }
    more_to_trim = trimmer_.more();
  }
}

bool CommitThread::commit_at_once(const std::function<void()>& tell) {
  if (queue_.bytes() > limits::kCommitAtOnceBytesMax) return false;
  const std::unique_lock turn(turn_, std::try_to_lock);
  if (!turn || failure_.happened()) return false;  // after a write that failed there is no other
  auto work = queue_.take(limits::kCommitBytesMax, false);
  if (work.empty()) return true;
  auto news = commit(std::move(work));
  tell();
  broadcasts_.tell(std::move(news));
  return true;
}

/// On the thread whose turn it is. Acknowledged and returned to be broadcast is only what is
/// committed.
BroadcastNews CommitThread::commit(std::vector<Work> work) {
  const MonoTime begin = clock_.mono();
  began_ = begin;
  auto outcome = committer_.commit(std::move(work));
  began_ = MonoTime{};
  if (!outcome) {
    failure_.set(outcome.error());
    return {};
  }
  if (outcome->full) {
    Committer::discard(queue_.close(), outcome->full_message, *outcome);
  } else {
    const std::lock_guard hold(times_mutex_);
    times_.add(clock_.mono() - begin);
  }
  BroadcastNews news{std::exchange(outcome->batches, {}), std::exchange(outcome->trimmed, {})};
  outcomes_.post(std::move(*outcome));
  return news;
}

Nanoseconds CommitThread::under_way() const {
  const MonoTime began = began_;
  return began == MonoTime{} ? Nanoseconds(0) : clock_.mono() - began;
}

DurationHistogram CommitThread::times() const {
  const std::lock_guard hold(times_mutex_);
  return times_;
}

}  // namespace forebay
