// ZeroMQ as Forebay uses it; transport.cc is the only file that includes zmq.h(pp).
//
// Every socket has: frames bounded by limits::kFrameBytesMax, high-water marks from byte budgets,
// LINGER 0 (what is unacknowledged is resent from elsewhere), heartbeats (PULL: none), a short
// handshake.
// Nothing blocks: send and receive say kWouldBlock. A socket is used by one thread at a time.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace forebay {

/// One frame. Moving hands the bytes on without a copy.
class Message {
 public:
  Message();
  /// Copies `bytes`.
  explicit Message(std::string_view bytes);
  /// Refers to `bytes` without a copy and keeps them alive for as long as the library needs them.
  explicit Message(std::shared_ptr<const std::string> bytes);
  Message(Message&& other) noexcept;
  Message& operator=(Message&& other) noexcept;
  ~Message();

  [[nodiscard]] std::string_view view() const;
  /// Writable bytes; only for a message that was received or copied, not one that shares.
  [[nodiscard]] char* data();
  [[nodiscard]] std::size_t size() const;
  /// Another message over the same bytes (counted reference for larger ones).
  [[nodiscard]] Message share();
  /// Who sent it, as the Gatekeeper named its key; empty over a socket that is not encrypted.
  [[nodiscard]] std::string_view user() const;

 private:
  friend class Socket;
  void* raw() { return storage_.data(); }
  alignas(void*) std::array<std::byte, 64> storage_;
};

/// A CURVE key pair, each key as 40 characters of Z85.
struct KeyPair {
  std::string public_key, secret_key;
};
[[nodiscard]] KeyPair make_key_pair();

/// With what a client reaches a server over an encrypted socket.
struct Credentials {
  KeyPair own;
  std::vector<std::string> server_keys;  // public; the server has one of them: at least one
};
/// The pair of a secret key; nullopt if the text is none.
[[nodiscard]] std::optional<KeyPair> key_pair_of(const std::string& secret_key);
/// A key of 32 bytes as text; empty for any other size.
[[nodiscard]] std::string encode_key(std::string_view bytes);

class Gatekeeper;

enum class SocketKind { kPush, kPull, kPub, kSub, kDealer, kRouter };
enum class SendResult {
  kSent,
  kWouldBlock,   // the high-water mark is reached, or nobody is connected
  kUnreachable,  // ROUTER: no such peer (any more)
};

class Context {
 public:
  Context();
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

 private:
  friend class ConnectionEvents;
  friend class Socket;
  void* raw_;
};

class Socket {
 public:
  /// `context` outlives the socket. `high_water_messages` bounds each peer's queue, both ways.
  Socket(Context& context, SocketKind kind, int high_water_messages);
  ~Socket();
  Socket(Socket&& other) noexcept
      : raw_(std::exchange(other.raw_, nullptr)), connected_(std::move(other.connected_)) {}
  Socket& operator=(Socket&&) = delete;

  /// The caller holds the lock of the folder that an ipc endpoint lies in: libzmq takes over an
  /// existing one.
  [[nodiscard]] Result<void> bind(const std::string& endpoint);
  [[nodiscard]] Result<void> connect(const std::string& endpoint);
  /// Encrypted, over tcp, to a server with the key whose `turn` it is. (With two connections, one for
  /// each key, one never comes about, and takes its share of what is sent.)
  [[nodiscard]] Result<void> connect(const std::string& endpoint, const Credentials& credentials,
                                     std::size_t turn);
  /// Ends all connections, with what came over them and was not received; connect again then.
  void disconnect();
  /// For one that may not be read for a while: it is full then, and so deaf, and would give its
  /// connection up; libzmq 4.3.4 aborts when the full queue is read after that (_input_stopped), or,
  /// only_while_connected, between two frames (!_more). Before connect.
  void without_heartbeats();
  /// Where it was bound last, with the port that the system chose for "tcp://…:*".
  [[nodiscard]] std::string endpoint() const;
  /// SUB only: everything whose first frame begins with `topic`.
  void subscribe(std::string_view topic);

  /// The longest frame that comes in; limits::kFrameBytesMax unless set. Before bind or connect.
  void limit_frames(std::size_t bytes_max);

  /// How many messages that came in wait; the high-water mark unless set. Before bind or connect.
  void limit_received(int messages_max);
  /// Encrypted, for those alone that the context's Gatekeeper lets in, which outlives the socket;
  /// with none at its post nobody comes in. Before bind.
  void serve_encrypted(const KeyPair& own, const Gatekeeper& gate);
  /// Nothing is queued for a peer that is not there: send then says kWouldBlock. Before connect. Not
  /// where messages of several frames come in (without_heartbeats).
  void only_while_connected();

  /// How long closing may go on to send what was taken; 0 unless set.
  void linger(std::chrono::milliseconds time);

  /// Sends all frames of one message or none. On kSent the frames are taken; otherwise they are as
  /// before.
  [[nodiscard]] SendResult send(std::span<Message> frames);
  [[nodiscard]] SendResult send(Message frame) { return send(std::span(&frame, 1)); }
  /// The next message, of at most `frames_max` frames (further frames are dropped); nullopt if none
  /// is there.
  [[nodiscard]] std::optional<std::vector<Message>> receive(std::size_t frames_max = 4);
  /// The next message's only frame; a message of several frames is dropped and given as an empty
  /// frame.
  [[nodiscard]] std::optional<Message> receive_single();

 private:
  friend class ConnectionEvents;
  friend class Poller;
  explicit Socket(void* raw) : raw_(raw) {}
  void* raw_;
  std::vector<std::string> connected_;
};

struct ConnectionEvent {
  enum class Kind {
    kAccepted,
    kLetIn,       // after its handshake
    kTurnedAway,  // in its handshake; kEnded follows
    kEnded,
  };
  enum class Why {   // it was turned away
    kNotTold,        // a client: the server ended it, as it does with another key than expected
    kServerKey,      // a server: the client has another public key for it
    kProtocol,       // it is no ZeroMQ as is spoken here
    kUnknownClient,  // the gatekeeper's answer
  };
  Kind kind;
  std::string endpoint;  // of the socket, or what it is connected to
  Why why = Why::kNotTold;
};

/// What becomes of the connections of a socket. Not for the socket's thread alone.
class ConnectionEvents {
 public:
  /// Before the socket is bound or connected. It outlives the socket: with nobody to tell, libzmq's
  /// thread would wait for ever. kIo: no descriptor is left.
  [[nodiscard]] static Result<ConnectionEvents> of(Context& context, Socket& watched);
  [[nodiscard]] std::optional<ConnectionEvent> next();

 private:
  explicit ConnectionEvents(Socket pair) : pair_(std::move(pair)) {}
  Socket pair_;
};

/// Waits until a socket or file descriptor can be read.
class Poller {
 public:
  /// Returns the index to ask `readable` with.
  std::size_t add(Socket& socket);
  std::size_t add(int descriptor);
  /// Until something is readable or the time is over. A signal ends it early.
  void wait(std::chrono::milliseconds timeout);
  [[nodiscard]] bool readable(std::size_t index) const { return readable_[index]; }
  /// Whether `index` is looked at from the next wait on.
  void watch(std::size_t index, bool watched) { watched_[index] = watched; }

 private:
  struct Source {
    void* socket;
    int descriptor;
  };
  std::vector<Source> sources_;
  std::vector<bool> watched_;
  std::vector<bool> readable_;
};

/// The topic of a stream's broadcasts: its name, terminated so that `order` does not match
/// `orders`.
[[nodiscard]] std::string broadcast_topic(std::string_view stream);

}  // namespace forebay
