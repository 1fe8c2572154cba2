#include "sidecar/commit_queue.h"

#include <iterator>
#include <optional>
#include <utility>

#include "common/base/limits.h"

namespace forebay {
namespace {

std::uint64_t batch_bytes_of(const Work& work) {
  const auto* batch = std::get_if<BatchWork>(&work);
  return batch == nullptr ? 0 : batch->message.size();
}

bool is_urgent(const Work& work) { return !std::holds_alternative<CursorWork>(work); }
bool is_request(const Work& work) {
  return is_urgent(work) && !std::holds_alternative<BatchWork>(work);
}

/// Whose registration it changes, which takes up where its last report left off.
std::optional<ConsumerKey> consumer_of(const Work& work) {
  if (const auto* forget = std::get_if<ForgetWork>(&work)) return forget->key;
  if (const auto* subscribe = std::get_if<SubscribeWork>(&work))
    return ConsumerKey{subscribe->request.stream, subscribe->request.consumer};
  return std::nullopt;
}

}  // namespace

bool CommitQueue::push(std::vector<Work>& work) {
  if (work.empty()) return true;
  const std::lock_guard hold(mutex_);
  if (closed_) return false;
  for (Work& item : work) {
    if (auto* report = std::get_if<CursorWork>(&item)) {
      reports_.insert_or_assign(report->key, std::move(*report));
      continue;
    }
    if (const auto consumer = consumer_of(item)) {
      if (auto before = reports_.extract(*consumer)) work_.emplace_back(std::move(before.mapped()));
    }
    bytes_ += batch_bytes_of(item);
    urgent_ += is_urgent(item) ? 1 : 0;
    requests_ += is_request(item) ? 1 : 0;
    work_.push_back(std::move(item));
  }
  work.clear();
  return true;
}

void CommitQueue::wake() {
  const std::lock_guard hold(mutex_);
  if (urgent_ > 0) changed_.notify_one();
}

std::uint64_t CommitQueue::bytes() const {
  const std::lock_guard hold(mutex_);
  return bytes_;
}

bool CommitQueue::takes_batches() const { return bytes() < limits::kCommitQueueBytesMax; }

bool CommitQueue::takes_requests() const {
  const std::lock_guard hold(mutex_);
  return requests_ < limits::kCommitQueueRequestsMax;
}

void CommitQueue::wait(std::chrono::milliseconds timeout, bool with_reports) {
  std::unique_lock hold(mutex_);
  changed_.wait_for(hold, timeout, [&] {
    return urgent_ > 0 || stopped_ || (with_reports && !(work_.empty() && reports_.empty()));
  });
}

std::vector<Work> CommitQueue::take(std::uint64_t bytes_max, bool with_reports) {
  const std::lock_guard hold(mutex_);
  if (urgent_ == 0 && !with_reports && !stopped_) return {};
  std::vector<Work> taken;
  std::uint64_t bytes = 0;
  while (!work_.empty()) {
    const std::uint64_t next = batch_bytes_of(work_.front());
    if (!taken.empty() && bytes + next > bytes_max) break;
    bytes += next;
    urgent_ -= is_urgent(work_.front()) ? 1 : 0;
    requests_ -= is_request(work_.front()) ? 1 : 0;
    taken.push_back(std::move(work_.front()));
    work_.pop_front();
  }
  bytes_ -= bytes;
  if (work_.empty()) {
    for (auto& [key, report] : reports_) taken.emplace_back(std::move(report));
    reports_.clear();
  }
  return taken;
}

std::vector<Work> CommitQueue::close() {
  const std::lock_guard hold(mutex_);
  closed_ = true;
  bytes_ = 0;
  urgent_ = requests_ = 0;
  std::vector<Work> all(std::make_move_iterator(work_.begin()),
                        std::make_move_iterator(work_.end()));
  work_.clear();
  for (auto& [key, report] : reports_) all.emplace_back(std::move(report));
  reports_.clear();
  return all;
}

void CommitQueue::reopen() {
  const std::lock_guard hold(mutex_);
  closed_ = false;
}

void CommitQueue::stop() {
  const std::lock_guard hold(mutex_);
  stopped_ = true;
  changed_.notify_one();
}

bool CommitQueue::finished() const {
  const std::lock_guard hold(mutex_);
  return stopped_ && work_.empty() && reports_.empty();
}

}  // namespace forebay
