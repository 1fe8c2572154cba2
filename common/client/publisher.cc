#include "common/client/publisher.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace forebay {

using std::chrono::milliseconds;

Result<std::unique_ptr<Publisher>> Publisher::connect(Options options) {
  auto window = PublishWindow::make(
      {options.stream, options.name, options.fingerprint, options.source, options.window_bytes},
      InstanceId::random());
  if (!window) return fail(window.error());
  auto link = PublisherLink::to(options.ingest, options.control);
  if (!link) return fail(link.error());
  std::unique_ptr<Publisher> publisher(
      new Publisher(std::move(options), std::move(*window), std::move(*link)));
  publisher->link_->add(*publisher);
  return publisher;
}

Publisher::Publisher(Options options, PublishWindow window, std::shared_ptr<PublisherLink> link)
    : options_(std::move(options)), link_(std::move(link)), window_(std::move(window)) {}

Publisher::~Publisher() {
  std::optional<Goodbye> goodbye;
  {
    const std::lock_guard hold(mutex_);
    if (window_.empty()) {
      goodbye = window_.goodbye();
    } else {
      spdlog::warn("publisher of {}: destroyed with events that are not acknowledged",
                   options_.stream);
    }
  }
  link_->remove(*this, goodbye);
}

/// Its own, or now; the clock is read only if need be.
WallTime Publisher::time_of(const Event& event) const {
  return event.time ? *event.time : clock_.wall();
}

Result<Admission> Publisher::publish(const Event& event, std::optional<ProducerSequence> sequence) {
  const std::lock_guard hold(mutex_);
  const bool was_empty = window_.empty();
  auto admission = window_.publish(event, time_of(event), sequence);
  if (admission && *admission == Admission::kTaken) send_at_once(was_empty);
  return admission;
}

/// Without waking the thread, which would cost a lone event a tenth of its way.
void Publisher::send_at_once(bool was_empty) {
  if (blocked_ || !(was_empty || window_.has_unsent())) return;
  const MonoTime now = clock_.mono();
  send_batches(now);
  note_due();
}

template <class Ready>
bool Publisher::wait(std::unique_lock<std::mutex>& hold, milliseconds timeout, Ready ready) {
  return changed_.wait_for(hold, timeout, ready);
}

Error Publisher::timeout_error(const std::string& what) const {
  if (window_.state() == PublishWindow::State::kFailed) return *window_.error();
  if (window_.error()) return window_.error()->in(what);
  return Error{
      ErrorCode::kTimeout,
      what + (window_.was_registered()
                  ? ": the sidecar does not acknowledge in time; it may be down or slow"
                  : ": no answer from the sidecar at " + options_.control + "; is it running?")};
}

Result<void> Publisher::publish_within(milliseconds timeout, const Event& event,
                                       std::optional<ProducerSequence> sequence) {
  std::unique_lock hold(mutex_);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    const bool was_empty = window_.empty();
    auto admission = window_.publish(event, time_of(event), sequence);
    if (!admission) return fail(admission.error());
    if (*admission == Admission::kTaken) {
      send_at_once(was_empty);
      return {};
    }
    if (changed_.wait_until(hold, deadline) == std::cv_status::timeout) {
      return fail(timeout_error("no room in the window"));
    }
  }
}

Result<Acknowledgement> Publisher::wait_registered(milliseconds timeout) {
  std::unique_lock hold(mutex_);
  const bool ready = wait(hold, timeout, [&] {
    return window_.was_registered() || window_.state() == PublishWindow::State::kFailed;
  });
  if (!ready || !window_.was_registered()) return fail(timeout_error("cannot register"));
  return window_.acknowledged();
}

Result<Acknowledgement> Publisher::flush(milliseconds timeout) {
  std::unique_lock hold(mutex_);
  const bool ready = wait(hold, timeout, [&] {
    return (window_.empty() && window_.was_registered()) ||
           window_.state() == PublishWindow::State::kFailed;
  });
  if (!ready || !window_.empty()) return fail(timeout_error("not everything is on disk"));
  return window_.acknowledged();
}

Acknowledgement Publisher::acknowledged() const {
  const std::lock_guard hold(mutex_);
  return window_.acknowledged();
}

std::size_t Publisher::unacknowledged_bytes() const {
  const std::lock_guard hold(mutex_);
  return window_.empty() ? 0 : window_.bytes();  // without the head of a batch that is not there
}

std::optional<Error> Publisher::failure() const {
  const std::lock_guard hold(mutex_);
  if (window_.state() != PublishWindow::State::kFailed) return std::nullopt;
  return window_.error();
}

// the link's thread

std::vector<Request> Publisher::take_due(MonoTime now) {
  std::unique_lock hold(mutex_);
  auto requests = window_.take_requests(now);
  send_batches(now);
  note_due();
  hold.unlock();  // so that whoever wakes does not find it held
  changed_.notify_all();
  return requests;
}

void Publisher::on_reply(const ReplyMessage& reply, MonoTime now) {
  std::unique_lock hold(mutex_);
  window_.on_reply(reply, now);
  send_batches(now);
  note_due();
  hold.unlock();
  changed_.notify_all();
}

/// Batches that wait for room are the link's to remember.
void Publisher::note_due() { due_ = blocked_ ? window_.next_request_due() : window_.next_due(); }

bool Publisher::send_again(MonoTime now) {
  const std::lock_guard hold(mutex_);
  blocked_ = false;
  send_batches(now);
  note_due();
  if (!blocked_) link_->leave_queue(*this);
  return !blocked_;
}

void Publisher::send_batches(MonoTime now) {
  if (blocked_) return;
  while (auto batch = window_.next_to_send(now)) {
    if (!link_->send(*this, std::move(batch))) {
      blocked_ = true;
      return;
    }
    window_.sent(now);
  }
}

}  // namespace forebay
