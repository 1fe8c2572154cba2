// A control socket that answers each request as a test says, to try clients on answers that a sound
// sidecar does not give.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/wire/control.h"
#include "common/wire/gatekeeper.h"
#include "common/wire/transport.h"
#include "tests/support/temp_dir.h"

namespace forebay::test {

class ScriptedSidecar {
 public:
  /// A message to send back; the payload is a second frame, if not empty or the reply has one.
  struct Answer {
    std::uint64_t id;
    Reply reply;
    std::string payload;
  };
  using Script = std::function<std::vector<Answer>(const RequestMessage&)>;

  explicit ScriptedSidecar(Script script) : script_(std::move(script)) {
    start("ipc://" + (dir_ / "control.sock"));
  }
  /// Encrypted, with the key `own`, for those that `names` has.
  ScriptedSidecar(Script script, const KeyPair& own, Gatekeeper::Names names)
      : script_(std::move(script)) {
    gate_ = std::move(Gatekeeper::start(context_, std::move(names)).value());
    router_.serve_encrypted(own, *gate_);
    start("tcp://127.0.0.1:*");
  }
  ~ScriptedSidecar() {
    stop_ = true;
    thread_.join();
  }
  [[nodiscard]] std::string endpoint() const { return router_.endpoint(); }

 private:
  void start(const std::string& endpoint) {
    if (!router_.bind(endpoint)) throw std::runtime_error("cannot bind " + endpoint);
    thread_ = std::thread([this] { serve(); });
  }
  void serve() {
    Poller poller;
    poller.add(router_);
    while (!stop_) {
      poller.wait(std::chrono::milliseconds(20));
      while (auto frames = router_.receive()) {
        const auto request = decode_request((*frames)[1].view());
        if (!request) continue;
        for (const Answer& answer : script_(*request)) {
          std::vector<Message> message;
          message.push_back((*frames)[0].share());
          message.emplace_back(std::string_view(encode(Envelope{answer.id, {}}, answer.reply)));
          if (std::holds_alternative<Batches>(answer.reply) || !answer.payload.empty())
            message.emplace_back(std::string_view(answer.payload));
          static_cast<void>(router_.send(message));
        }
      }
    }
  }

  TempDir dir_;
  Script script_;
  Context context_;
  std::unique_ptr<Gatekeeper> gate_;
  Socket router_{context_, SocketKind::kRouter, 100};
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace forebay::test
