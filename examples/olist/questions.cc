#include "examples/olist/questions.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "common/base/limits.h"

namespace forebay::olist {
namespace {

using Steady = std::chrono::steady_clock;
// Past what a question may wait for its at_least.
constexpr std::chrono::milliseconds kAnswerTimeout = limits::kQueryTimeoutMax + limits::kQueryGrace;

}  // namespace

Questions::Questions(Context& context)
    : dealer_(context, SocketKind::kDealer, limits::kControlHighWaterMessages) {}

Result<void> Questions::connect(const std::string& endpoint) { return dealer_.connect(endpoint); }

Result<Json> Questions::ask(const Json& query) {
  const auto encoded = msgpack_from_json(query);
  if (!encoded) return fail(encoded.error());
  if (auto sent = send(*encoded); !sent) return fail(sent.error());
  const auto reply = receive();
  if (!reply) return fail(reply.error());
  auto answer = json_from_msgpack(reply->view());
  if (!answer) return fail(answer.error());
  if (const auto error = answer->find("error"); error != answer->end()) {
    return fail(error_code_from(error->value("code", "")), print_json(*error));
  }
  return answer;
}

Result<void> Questions::ask_all(std::span<const std::string> encoded, std::size_t in_flight) {
  std::size_t sent = 0;
  for (std::size_t answered = 0; answered < encoded.size(); ++answered) {
    for (; sent < encoded.size() && sent < answered + in_flight; ++sent) {
      if (auto done = send(encoded[sent]); !done) return done;
    }
    if (const auto reply = receive(); !reply) return fail(reply.error());
  }
  return {};
}

Result<void> Questions::send(const std::string& encoded) {
  if (dealer_.send(Message(std::string_view(encoded))) != SendResult::kSent) {
    return fail(ErrorCode::kUnavailable, "the sourcing node takes no more questions");
  }
  return {};
}

Result<Message> Questions::receive() {
  Poller poller;
  poller.add(dealer_);
  const auto deadline = Steady::now() + kAnswerTimeout;
  while (true) {
    if (auto reply = dealer_.receive_single()) return std::move(*reply);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Steady::now());
    if (left <= std::chrono::milliseconds(0)) {
      return fail(ErrorCode::kTimeout, "no answer from the sourcing node: is it running?");
    }
    poller.wait(left);
  }
}

Json Latencies::figures() {
  std::sort(all_.begin(), all_.end());
  const auto sum = std::accumulate(all_.begin(), all_.end(), std::chrono::nanoseconds(0));
  // The least value that at least that part of all does not exceed.
  const auto microseconds = [this](std::size_t percent) {
    if (all_.empty()) return 0.0;
    const std::size_t rank = (all_.size() * percent + 99) / 100;
    return std::chrono::duration<double, std::micro>(all_[std::max<std::size_t>(rank, 1) - 1])
        .count();
  };
  return {{"count", all_.size()},
          {"per_s", all_.empty() ? 0.0
                                 : static_cast<double>(all_.size()) /
                                       std::chrono::duration<double>(sum).count()},
          {"p50_us", microseconds(50)},
          {"p99_us", microseconds(99)}};
}

}  // namespace forebay::olist
