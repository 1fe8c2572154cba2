#include "common/client/control_client.h"

#include <algorithm>

#include "common/base/limits.h"

namespace forebay {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

namespace {
constexpr milliseconds kConnectInterval{20};
}

Result<std::unique_ptr<ControlClient>> ControlClient::connect(
    const std::string& endpoint, std::optional<Credentials> credentials) {
  std::unique_ptr<ControlClient> client(new ControlClient(endpoint, std::move(credentials)));
  if (auto opened = client->open(); !opened) return fail(opened.error());
  return client;
}

Result<void> ControlClient::open() {
  dealer_.reset();
  dealer_.emplace(context_, SocketKind::kDealer, limits::kControlHighWaterMessages);
  return credentials_ ? dealer_->connect(endpoint_, *credentials_) : dealer_->connect(endpoint_);
}

Result<ControlClient::Answer> ControlClient::request(const Request& request, milliseconds timeout) {
  const std::uint64_t first_id = next_id_;
  const auto deadline = Steady::now() + timeout;
  auto again = Steady::now();
  Poller poller;
  poller.add(*dealer_);
  while (true) {
    if (Steady::now() >= again) {
      // Few are in its queue, so it takes the request, at once or, with two keys, once it is connected.
      const bool sent =
          dealer_->send(Message(std::string_view(encode({next_id_++, {}}, request)))) ==
          SendResult::kSent;
      again += sent ? limits::kFetchTimeout : kConnectInterval;
    }
    const auto left = std::chrono::ceil<milliseconds>(std::min(deadline, again) - Steady::now());
    poller.wait(std::max(left, milliseconds(0)));
    if (auto answer = receive(first_id)) return std::move(*answer);
    if (Steady::now() < deadline) continue;
    // A new socket, so that what waits in this one is not sent to a sidecar that comes up later.
    if (auto opened = open(); !opened) return fail(opened.error());
    return fail(ErrorCode::kTimeout, "no answer from the sidecar at " + endpoint_ + " within " +
                                         std::to_string(timeout.count()) + " ms; is it running?");
  }
}

/// The answer to a request from `first_id` on, if it has come; answers to earlier ones are passed
/// over.
std::optional<Result<ControlClient::Answer>> ControlClient::receive(std::uint64_t first_id) {
  while (auto frames = dealer_->receive()) {
    auto reply = decode_reply(frames->front().view());
    if (!reply) return fail(reply.error().in("the sidecar at " + endpoint_));
    if (reply->envelope.id < first_id || reply->envelope.id >= next_id_) continue;
    if (const auto* error = std::get_if<ErrorReply>(&reply->body)) {
      // Too much of the same is under way: one sent before may still be answered.
      if (error->code == ErrorCode::kUnavailable && reply->envelope.id > first_id) continue;
      return fail(error->code, error->message);
    }
    Answer answer{reply->envelope, std::move(reply->body), nullptr};
    if (frames->size() > 1) answer.payload = std::make_shared<Message>(std::move((*frames)[1]));
    return answer;
  }
  return std::nullopt;
}

}  // namespace forebay
