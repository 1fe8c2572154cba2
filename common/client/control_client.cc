#include "common/client/control_client.h"

#include <algorithm>

#include "common/base/limits.h"

namespace forebay {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

Result<std::unique_ptr<ControlClient>> ControlClient::connect(
    const std::string& endpoint, std::optional<Credentials> credentials) {
  std::unique_ptr<ControlClient> client(new ControlClient(endpoint, std::move(credentials)));
  if (auto opened = client->open(); !opened) return fail(opened.error());
  return client;
}

Result<void> ControlClient::open() {
  dealer_.reset();
  dealer_.emplace(context_, SocketKind::kDealer, limits::kControlHighWaterMessages);
  if (credentials_) {
    auto refusals = Refusals::of(context_, *dealer_);
    if (!refusals) return fail(refusals.error());
    refusals_.emplace(std::move(*refusals));
  }
  return credentials_ ? dealer_->connect(endpoint_, *credentials_, turn_)
                      : dealer_->connect(endpoint_);
}

Result<ControlClient::Answer> ControlClient::request(const Request& request, milliseconds timeout) {
  const std::uint64_t first_id = next_id_;
  refused_.reset();
  const auto deadline = Steady::now() + timeout;
  const auto keys = static_cast<int>(credentials_ ? credentials_->server_keys.size() : 1);
  const bool key_known = keys == 1 || answered_;
  const milliseconds patience =
      std::min(limits::kFetchTimeout, key_known ? timeout : timeout / keys);
  while (true) {
    // Few are in its queue: it takes the request.
    static_cast<void>(dealer_->send(Message(std::string_view(encode({next_id_++, {}}, request)))));
    if (auto answer = receive_until(std::min(deadline, Steady::now() + patience), first_id))
      return std::move(*answer);
    const bool over = Steady::now() >= deadline;
    if (over || !key_known) {
      answered_ = false;
      // A new socket, so that what waits in this one is not sent to a sidecar that comes up later.
      ++turn_;
      if (auto opened = open(); !opened) return fail(opened.error());
    }
    if (!over) continue;
    const std::string took = " within " + std::to_string(timeout.count()) + " ms";
    return fail(ErrorCode::kTimeout,
                refused_
                    ? "the sidecar at " + endpoint_ + " " +
                          std::string(Refusals::in_words(*refused_)) + " (no answer" + took + ")"
                    : "no answer from the sidecar at " + endpoint_ + took + "; is it running?");
  }
}

std::optional<Result<ControlClient::Answer>> ControlClient::receive_until(Steady::time_point end,
                                                                          std::uint64_t first_id) {
  Poller poller;
  poller.add(*dealer_);
  while (true) {
    if (auto answer = receive(first_id)) return answer;
    const auto left = std::chrono::ceil<milliseconds>(end - Steady::now());
    if (left <= milliseconds(0)) break;
    poller.wait(left);
  }
  // Of one key it may be certain, and of the other a guess.
  if (refusals_ && refused_ != Refusals::Why::kUnknownClient) refused_ = refusals_->why();
  return std::nullopt;
}

/// The answer to a request from `first_id` on, if it has come; answers to earlier ones are passed
/// over.
std::optional<Result<ControlClient::Answer>> ControlClient::receive(std::uint64_t first_id) {
  while (auto frames = dealer_->receive()) {
    answered_ = true;
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
