// Asks one sidecar, one question at a time: the control socket for tools. Publisher and Consumer,
// which have much under way at once, speak to it by themselves.
//
//   auto client = ControlClient::connect(endpoints.control);
//   auto reply = (*client)->request(StatusRequest{}, limits::kRequestTimeout);
//
// For one thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "common/wire/connections.h"
#include "common/wire/control.h"
#include "common/wire/transport.h"

namespace forebay {

class ControlClient {
 public:
  struct Answer {
    Envelope envelope;
    Reply body;                              // never an ErrorReply
    std::shared_ptr<const Message> payload;  // the second frame; null if there was none
  };

  /// The sidecar need not be up. kIo for an endpoint that cannot be.
  [[nodiscard]] static Result<std::unique_ptr<ControlClient>> connect(
      const std::string& endpoint, std::optional<Credentials> credentials = {});

  /// Sends and waits for the answer, and sends again after limits::kFetchTimeout, or with the other of
  /// two keys: a sidecar that restarts takes what it was asked with it, and asking twice changes
  /// nothing. An ErrorReply is an error of its code. kTimeout if no answer came, with the reason where
  /// the sidecar lets nobody with this key in; the request will not be sent later either.
  [[nodiscard]] Result<Answer> request(const Request& request, std::chrono::milliseconds timeout);

  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }

 private:
  ControlClient(std::string endpoint, std::optional<Credentials> credentials)
      : endpoint_(std::move(endpoint)), credentials_(std::move(credentials)) {}
  [[nodiscard]] Result<void> open();
  [[nodiscard]] std::optional<Result<Answer>> receive_until(
      std::chrono::steady_clock::time_point end, std::uint64_t first_id);
  [[nodiscard]] std::optional<Result<Answer>> receive(std::uint64_t first_id);

  std::string endpoint_;
  std::optional<Credentials> credentials_;
  Context context_;
  std::optional<Refusals> refusals_;  // of dealer_, if it is encrypted
  std::optional<Socket> dealer_;
  std::size_t turn_ = 0;                  // Socket::connect
  bool answered_ = false;                 // with this key
  std::optional<Refusals::Why> refused_;  // this request
  std::uint64_t next_id_ = 1;
};

}  // namespace forebay
