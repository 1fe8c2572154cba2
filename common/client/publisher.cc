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
  std::unique_ptr<Publisher> publisher(new Publisher(std::move(options), std::move(*window)));
  if (auto connected = publisher->push_.connect(publisher->options_.ingest); !connected)
    return fail(connected.error());
  if (auto connected = publisher->dealer_.connect(publisher->options_.control); !connected) {
    return fail(connected.error());
  }
  publisher->thread_ = std::thread([raw = publisher.get()] { raw->run(); });
  return publisher;
}

Publisher::Publisher(Options options, PublishWindow window)
    : options_(std::move(options)),
      window_(std::move(window)),
      push_(context_, SocketKind::kPush, limits::kDataHighWaterMessages),
      dealer_(context_, SocketKind::kDealer, limits::kControlHighWaterMessages) {}

Publisher::~Publisher() {
  if (thread_.joinable()) {
    {
      const std::lock_guard hold(mutex_);
      stopping_ = true;
      if (!window_.empty()) {
        spdlog::warn("publisher of {}: destroyed with events that are not acknowledged",
                     options_.stream);
      }
    }
    bell_.post({});
    thread_.join();
  }
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
  send_batches(clock_.mono());
  if (blocked_) bell_.post({});  // it tries again soon
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

std::optional<Error> Publisher::failure() const {
  const std::lock_guard hold(mutex_);
  if (window_.state() != PublishWindow::State::kFailed) return std::nullopt;
  return window_.error();
}

// its thread

void Publisher::run() {
  Poller poller;
  const std::size_t bell = poller.add(bell_.descriptor());
  const std::size_t replies = poller.add(dealer_);
  while (true) {
    poller.wait(time_to_next());
    if (poller.readable(bell)) static_cast<void>(bell_.take());
    const std::lock_guard hold(mutex_);
    const MonoTime now = clock_.mono();
    if (poller.readable(replies)) receive_replies(now);
    send_requests(now);
    send_batches(now);
    changed_.notify_all();
    if (!stopping_) continue;
    if (const auto goodbye = window_.goodbye(); goodbye && window_.empty()) {
      static_cast<void>(dealer_.send(Message(std::string_view(encode({}, Request(*goodbye))))));
      dealer_.linger(limits::kGoodbyeLinger);
    }
    return;
  }
}

milliseconds Publisher::time_to_next() const {
  const std::lock_guard hold(mutex_);
  if (blocked_) return limits::kSendRetryInterval;
  const auto wait = std::chrono::ceil<milliseconds>(window_.next_due() - clock_.mono());
  return std::clamp(wait, milliseconds(0), limits::kKeepaliveInterval);
}

void Publisher::receive_replies(MonoTime now) {
  while (auto frame = dealer_.receive_single()) {
    const auto reply = decode_reply(frame->view());
    if (reply) {
      window_.on_reply(*reply, now);
    } else {
      spdlog::warn("publisher of {}: {}", options_.stream, reply.error().message);
    }
  }
}

void Publisher::send_requests(MonoTime now) {
  for (const Request& request : window_.take_requests(now)) {
    // One that cannot be sent is due again soon.
    static_cast<void>(dealer_.send(Message(std::string_view(encode({}, request)))));
  }
}

void Publisher::send_batches(MonoTime now) {
  blocked_ = false;
  while (auto batch = window_.next_to_send(now)) {
    if (push_.send(Message(std::move(batch))) != SendResult::kSent) {
      blocked_ = true;
      return;
    }
    window_.sent(now);
  }
}

}  // namespace forebay
