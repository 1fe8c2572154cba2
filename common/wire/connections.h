// What becomes of those who connect to a socket, before anything of theirs is received: ZeroMQ turns
// away by itself whoever has no key or takes the server for another, is silent, or sends a frame that
// is too long.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/ever_rarer.h"
#include "common/wire/transport.h"

namespace forebay {

struct ConnectionCounts {
  std::uint64_t accepted = 0;
  std::uint64_t let_in = 0;       // their handshake went well
  std::uint64_t turned_away = 0;  // it failed, or took too long
  std::uint64_t ended =
      0;  // later, or over a frame longer than the socket takes; by whom is not known
  friend bool operator==(const ConnectionCounts&, const ConnectionCounts&) = default;
};

/// For one thread, whichever the sockets'. It outlives them.
class Connections {
 public:
  /// `context` outlives it.
  explicit Connections(Context& context) : context_(context) {}

  /// Counts those to `socket` from now on. Before bind. kIo: no descriptor is left.
  [[nodiscard]] Result<void> watch(Socket& socket);
  /// As of now. What happened since the last call waits in memory: call it often.
  const ConnectionCounts& count();

 private:
  struct Watched {
    ConnectionEvents events;
    bool failed = false;  // the connection that ends next
  };
  void take(Watched& watched, const ConnectionEvent& event);

  Context& context_;
  std::vector<Watched> watched_;
  ConnectionCounts counts_;
  EverRarer logged_;
};

/// Why a client's connection is not let in, as far as its server tells. For one thread, whichever the
/// socket's; it outlives the socket.
class Refusals {
 public:
  using Why = ConnectionEvent::Why;
  /// Of `socket`, before it is connected. kIo: no descriptor is left.
  [[nodiscard]] static Result<Refusals> of(Context& context, Socket& socket);
  /// As of now: nullopt unless the last attempt was refused. What is certain (kUnknownClient) stays
  /// until it is let in. Call it often.
  [[nodiscard]] std::optional<Why> why();
  /// In words that follow on "the sidecar at tcp://…".
  [[nodiscard]] static std::string_view in_words(Why why);

 private:
  explicit Refusals(ConnectionEvents events) : events_(std::move(events)) {}
  ConnectionEvents events_;
  std::optional<Why> why_;
};

}  // namespace forebay
