// Who may connect: answers ZeroMQ's question about each key that comes in over an encrypted socket of
// the context (ZAP, RFC 27), from a thread of its own. Whoever is let in has the name of its key in
// Message::user(). A context has at most one.
//
//   auto gate = Gatekeeper::start(context, {{key, "sourcing-1"}});
//   socket.serve_encrypted(own, *gate);
//   socket.bind("tcp://10.0.0.1:7701");
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/base/ever_rarer.h"
#include "common/base/result.h"
#include "common/wire/transport.h"

namespace forebay {

class Gatekeeper {
 public:
  /// Public key → name; several keys may have one.
  using Names = std::map<std::string, std::string, std::less<>>;

  /// It is at its post once this returns. `context` outlives it. kIo: the context has one already.
  [[nodiscard]] static Result<std::unique_ptr<Gatekeeper>> start(Context& context, Names names);
  ~Gatekeeper();
  Gatekeeper(const Gatekeeper&) = delete;
  Gatekeeper& operator=(const Gatekeeper&) = delete;

  /// For connections from now on; who is in stays in.
  void rename(Names names);

  [[nodiscard]] std::uint64_t let_in() const { return let_in_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  Gatekeeper(Socket socket, Names names);
  void run();
  void answer(std::vector<Message> request);
  void log_refusal(const std::string& key, std::string_view address);

  Socket socket_;
  std::mutex mutex_;  // of names_
  Names names_;
  EverRarer logged_;  // refusals by address; of the thread
  std::atomic<std::uint64_t> let_in_ = 0, refused_ = 0;
  std::atomic<bool> stopped_ = false;
  std::thread thread_;
};

}  // namespace forebay
