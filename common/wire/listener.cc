#include "common/wire/listener.h"

#include <utility>

#include "common/base/limits.h"

namespace forebay {

Listener::Listener(Context& context, int high_water_messages,
                   const std::optional<Credentials>& credentials)
    : credentials_(credentials),
      socket_(context, credentials ? SocketKind::kDealer : SocketKind::kSub, high_water_messages) {}

Result<void> Listener::connect(const std::string& endpoint) {
  endpoint_ = endpoint;
  socket_.without_heartbeats();
  return credentials_ ? socket_.connect(endpoint, *credentials_, turn_) : socket_.connect(endpoint);
}

void Listener::hear(std::string_view stream) {
  if (!credentials_) return socket_.subscribe(broadcast_topic(stream));
  topics_.push_back(broadcast_topic(stream));
  due_ = MonoTime{};
}

void Listener::say_what(MonoTime now) {
  if (!silent_) {
    silent_ = true;  // until something comes
    silent_since_ = now;
  } else if (now >= silent_since_ + limits::kListenerSilence && !take_waiting()) {
    silent_since_ = now;
    due_ = MonoTime{};
    socket_.disconnect();
    ++turn_;
    static_cast<void>(connect(endpoint_));  // it was possible before
  }
  if (topics_.empty() || now < due_) return;
  for (const std::string& topic : topics_) {
    if (socket_.send(Message(std::string_view(topic))) != SendResult::kSent) {
      due_ = now + limits::kSendRetryInterval;  // it is not connected yet
      return;
    }
  }
  due_ = now + limits::kHearingInterval;
}

/// What has come and was not read yet is no silence. Nor may a connection end under it: waiting for a
/// SUB takes the first frame out already, and libzmq 4.3.4 aborts where the second is then gone
/// (!_more, fq.cpp).
bool Listener::take_waiting() {
  if (!waiting_) waiting_ = receive();
  return waiting_.has_value();
}

std::string_view Listener::Heard::stream() const {
  return topic.view().substr(0, topic.size() - 1);
}

std::optional<Listener::Heard> Listener::receive() {
  if (waiting_) return std::exchange(waiting_, std::nullopt);
  while (auto frames = socket_.receive()) {
    silent_ = false;
    if (frames->size() == 2 && frames->front().size() > 0)
      return Heard{std::move(frames->front()), std::move(frames->back())};
  }
  return std::nullopt;
}

}  // namespace forebay
