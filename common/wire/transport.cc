#include "common/wire/transport.h"

#include <zmq.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <new>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/base/last_words.h"
#include "common/base/limits.h"
#include "common/base/planted.h"
#include "common/wire/zmq_version.h"

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#else
// libzmq is not instrumented: ThreadSanitizer has to be told what its queues order.
#define __tsan_acquire(address) static_cast<void>(address)
#define __tsan_release(address) static_cast<void>(address)
#endif

namespace forebay {
namespace {

static_assert(sizeof(zmq_msg_t) == 64);

// libzmq has it, but only its header for drafts names it (zmq_draft.h).
constexpr int kZapEnforceDomain = 93;

zmq_msg_t* as_zmq(void* raw) { return static_cast<zmq_msg_t*>(raw); }

void release_shared(void*, void* hint) {
  __tsan_acquire(hint);
  delete static_cast<std::shared_ptr<const std::string>*>(hint);
}

int zmq_kind(SocketKind kind) {
  switch (kind) {
    case SocketKind::kPush:
      return ZMQ_PUSH;
    case SocketKind::kPull:
      return ZMQ_PULL;
    case SocketKind::kPub:
      return ZMQ_PUB;
    case SocketKind::kSub:
      return ZMQ_SUB;
    case SocketKind::kDealer:
      return ZMQ_DEALER;
    case SocketKind::kRouter:
      return ZMQ_ROUTER;
  }
  return -1;
}

template <class T>
void set_option(void* socket, int option, T value) {
  FOREBAY_INVARIANT(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

/// A key as text has its end with it.
void set_text(void* socket, int option, const std::string& text) {
  FOREBAY_INVARIANT(zmq_setsockopt(socket, option, text.c_str(), text.size()) == 0);
}

bool has_more(zmq_msg_t* message) { return zmq_msg_more(message) != 0; }

}  // namespace

Message::Message() { zmq_msg_init(as_zmq(raw())); }

Message::Message(std::string_view bytes) {
  if (zmq_msg_init_size(as_zmq(raw()), bytes.size()) != 0) throw std::bad_alloc();
  bytes.copy(data(), bytes.size());
}

Message::Message(std::shared_ptr<const std::string> bytes) {
  auto* hold = new std::shared_ptr<const std::string>(std::move(bytes));
  // libzmq takes a void* but does not write through it.
  char* begin = const_cast<char*>((*hold)->data());
  const std::size_t size = (*hold)->size();
  __tsan_release(hold);
  if (zmq_msg_init_data(as_zmq(raw()), begin, size, release_shared, hold) != 0) {
    delete hold;
    throw std::bad_alloc();
  }
}

Message::Message(Message&& other) noexcept {
  zmq_msg_init(as_zmq(raw()));
  zmq_msg_move(as_zmq(raw()), as_zmq(other.raw()));
}

Message& Message::operator=(Message&& other) noexcept {
  if (this != &other) zmq_msg_move(as_zmq(raw()), as_zmq(other.raw()));
  return *this;
}

Message::~Message() { zmq_msg_close(as_zmq(raw())); }

std::string_view Message::view() const {
  auto* self = const_cast<Message*>(this);
  return {static_cast<const char*>(zmq_msg_data(as_zmq(self->raw()))), size()};
}

std::string_view Message::user() const {
  auto* self = const_cast<Message*>(this);
  const char* user = zmq_msg_gets(as_zmq(self->raw()), "User-Id");
  return user == nullptr ? std::string_view() : std::string_view(user);
}

char* Message::data() { return static_cast<char*>(zmq_msg_data(as_zmq(raw()))); }

std::size_t Message::size() const {
  auto* self = const_cast<Message*>(this);
  return zmq_msg_size(as_zmq(self->raw()));
}

Message Message::share() {
  Message copy;
  zmq_msg_copy(as_zmq(copy.raw()), as_zmq(raw()));
  return copy;
}

KeyPair make_key_pair() {
  std::array<char, 41> public_key{}, secret_key{};
  FOREBAY_INVARIANT(zmq_curve_keypair(public_key.data(), secret_key.data()) == 0);
  return {public_key.data(), secret_key.data()};
}

std::optional<KeyPair> key_pair_of(const std::string& secret_key) {
  std::array<char, 41> public_key{};
  if (!is_key(secret_key) || zmq_curve_public(public_key.data(), secret_key.c_str()) != 0)
    return std::nullopt;
  return KeyPair{public_key.data(), secret_key};
}

std::string encode_key(std::string_view bytes) {
  if (bytes.size() != 32) return {};
  std::array<char, 41> text{};
  const auto* raw = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return zmq_z85_encode(text.data(), raw, bytes.size()) == nullptr ? "" : text.data();
}

Context::Context() : raw_(zmq_ctx_new()) { FOREBAY_INVARIANT(raw_ != nullptr); }
Context::~Context() { zmq_ctx_term(raw_); }

Socket::Socket(Context& context, SocketKind kind, int high_water_messages)
    : raw_(zmq_socket(context.raw_, zmq_kind(kind))) {
  if (raw_ == nullptr) end_without("a socket", zmq_errno());
  set_option<int>(raw_, ZMQ_LINGER, 0);
  set_option<int>(raw_, ZMQ_SNDHWM, high_water_messages);
  set_option<int>(raw_, ZMQ_RCVHWM, high_water_messages);
  set_option<std::int64_t>(raw_, ZMQ_MAXMSGSIZE, limits::kFrameBytesMax);
  set_option<int>(raw_, ZMQ_HANDSHAKE_IVL, limits::kZmqHandshakeMs);
  // A PULL that is not read for a while is full and deaf. If whoever pushes is gone then, libzmq 4.3.4
  // aborts as the next heartbeat is due (_io_error); a PULL has nothing to say that would need one.
  set_option<int>(raw_, ZMQ_HEARTBEAT_IVL, kind == SocketKind::kPull ? 0 : limits::kZmqHeartbeatMs);
  set_option<int>(raw_, ZMQ_RECONNECT_IVL, limits::kZmqReconnectMs);
  set_option<int>(raw_, ZMQ_RECONNECT_IVL_MAX, limits::kZmqReconnectMaxMs);
  if (kind == SocketKind::kRouter) set_option<int>(raw_, ZMQ_ROUTER_MANDATORY, 1);
}

Socket::~Socket() {
  if (raw_ == nullptr) return;
  zmq_socket_monitor(raw_, nullptr, 0);  // closing goes on for a while, and whoever listens may end
  zmq_close(raw_);
}

Result<void> Socket::bind(const std::string& endpoint) {
  if (zmq_bind(raw_, endpoint.c_str()) != 0) {
    return fail(ErrorCode::kIo, "cannot bind " + endpoint + ": " + zmq_strerror(zmq_errno()));
  }
  return {};
}

Result<void> Socket::connect(const std::string& endpoint) {
  if (zmq_connect(raw_, endpoint.c_str()) != 0) {
    return fail(ErrorCode::kIo, "cannot connect to " + endpoint + ": " + zmq_strerror(zmq_errno()));
  }
  connected_.push_back(endpoint);
  return {};
}

Result<void> Socket::connect(const std::string& endpoint, const Credentials& credentials,
                             std::size_t turn) {
  const std::vector<std::string>& keys = credentials.server_keys;
  set_text(raw_, ZMQ_CURVE_PUBLICKEY, credentials.own.public_key);
  set_text(raw_, ZMQ_CURVE_SECRETKEY, credentials.own.secret_key);
  set_text(raw_, ZMQ_CURVE_SERVERKEY, keys[turn % keys.size()]);
  return connect(endpoint);
}

std::string Socket::endpoint() const {
  std::array<char, 256> text{};
  std::size_t size = text.size();
  FOREBAY_INVARIANT(zmq_getsockopt(raw_, ZMQ_LAST_ENDPOINT, text.data(), &size) == 0);
  return text.data();
}

void Socket::subscribe(std::string_view topic) {
  FOREBAY_INVARIANT(zmq_setsockopt(raw_, ZMQ_SUBSCRIBE, topic.data(), topic.size()) == 0);
}

void Socket::limit_frames(std::size_t bytes_max) {
  set_option<std::int64_t>(raw_, ZMQ_MAXMSGSIZE, static_cast<std::int64_t>(bytes_max));
}

void Socket::limit_received(int messages_max) { set_option<int>(raw_, ZMQ_RCVHWM, messages_max); }

void Socket::serve_encrypted(const KeyPair& own, const Gatekeeper& /*at its post*/) {
  set_option<int>(raw_, ZMQ_CURVE_SERVER, 1);
  set_text(raw_, ZMQ_CURVE_SECRETKEY, own.secret_key);
  if (planted::has(planted::Bug::kZapNotEnforced)) return;
  set_text(raw_, ZMQ_ZAP_DOMAIN, "forebay");
  set_option<int>(raw_, kZapEnforceDomain, 1);
}

void Socket::disconnect() {
  for (const std::string& endpoint : connected_) zmq_disconnect(raw_, endpoint.c_str());
  connected_.clear();
}

void Socket::without_heartbeats() { set_option<int>(raw_, ZMQ_HEARTBEAT_IVL, 0); }

void Socket::only_while_connected() { set_option<int>(raw_, ZMQ_IMMEDIATE, 1); }

void Socket::linger(std::chrono::milliseconds time) {
  set_option<int>(raw_, ZMQ_LINGER, static_cast<int>(time.count()));
}

SendResult Socket::send(std::span<Message> frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const int more = i + 1 < frames.size() ? ZMQ_SNDMORE : 0;
    if (zmq_msg_send(as_zmq(frames[i].raw()), raw_, ZMQ_DONTWAIT | more) >= 0) continue;
    if (zmq_errno() == EINTR) {
      --i;
      continue;
    }
    // Only the first frame can be refused: libzmq takes the rest of a message it has begun.
    FOREBAY_INVARIANT(i == 0);
    return zmq_errno() == EAGAIN ? SendResult::kWouldBlock : SendResult::kUnreachable;
  }
  return SendResult::kSent;
}

std::optional<std::vector<Message>> Socket::receive(std::size_t frames_max) {
  std::vector<Message> frames;
  bool more = true;
  while (more) {
    Message frame;
    if (zmq_msg_recv(as_zmq(frame.raw()), raw_, ZMQ_DONTWAIT) < 0) {
      if (zmq_errno() == EINTR) continue;
      FOREBAY_INVARIANT(frames.empty());
      return std::nullopt;
    }
    more = has_more(as_zmq(frame.raw()));
    if (frames.size() < frames_max) frames.push_back(std::move(frame));
  }
  return frames;
}

std::optional<Message> Socket::receive_single() {
  Message frame;
  while (zmq_msg_recv(as_zmq(frame.raw()), raw_, ZMQ_DONTWAIT) < 0) {
    if (zmq_errno() != EINTR) return std::nullopt;
  }
  if (!has_more(as_zmq(frame.raw()))) return frame;
  Message rest;
  do {
    while (zmq_msg_recv(as_zmq(rest.raw()), raw_, ZMQ_DONTWAIT) < 0 && zmq_errno() == EINTR) {
    }
  } while (has_more(as_zmq(rest.raw())));
  return Message();
}

Result<ConnectionEvents> ConnectionEvents::of(Context& context, Socket& watched) {
  static std::atomic<std::uint64_t> made = 0;
  const std::string endpoint = "inproc://connections-" + std::to_string(++made);
  constexpr int kEvents = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED |
                          ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                          ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
  const auto failed = [] {
    return fail(ErrorCode::kIo,
                std::string("cannot watch connections: ") + zmq_strerror(zmq_errno()));
  };
  void* raw = zmq_socket(context.raw_, ZMQ_PAIR);
  if (raw == nullptr) return failed();
  Socket pair(raw);
  // Where the queue is full, libzmq's thread would wait.
  set_option<int>(raw, ZMQ_RCVHWM, 0);
  if (zmq_socket_monitor(watched.raw_, endpoint.c_str(), kEvents) != 0) return failed();
  if (zmq_connect(raw, endpoint.c_str()) != 0) {
    auto error = failed();
    zmq_socket_monitor(watched.raw_, nullptr, 0);
    return error;
  }
  return ConnectionEvents(std::move(pair));
}

std::optional<ConnectionEvent> ConnectionEvents::next() {
  using Kind = ConnectionEvent::Kind;
  using Why = ConnectionEvent::Why;
  while (const auto frames = pair_.receive()) {
    // The event's number and what goes with it; the endpoint.
    const std::string_view what = frames->front().view();
    if (frames->size() != 2 || what.size() != sizeof(std::uint16_t) + sizeof(std::uint32_t))
      continue;
    const auto value = load_le<std::uint32_t>(what.data() + sizeof(std::uint16_t));
    const std::string endpoint(frames->back().view());
    switch (load_le<std::uint16_t>(what.data())) {
      case ZMQ_EVENT_ACCEPTED:
        return ConnectionEvent{Kind::kAccepted, endpoint};
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        return ConnectionEvent{Kind::kLetIn, endpoint};
      case ZMQ_EVENT_DISCONNECTED:
        return ConnectionEvent{Kind::kEnded, endpoint};
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        return ConnectionEvent{
            Kind::kTurnedAway, endpoint,
            value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC ? Why::kServerKey : Why::kProtocol};
      case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        return ConnectionEvent{Kind::kTurnedAway, endpoint, Why::kNotTold};
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        return ConnectionEvent{Kind::kTurnedAway, endpoint, Why::kUnknownClient};
    }
  }
  return std::nullopt;
}

std::size_t Poller::add(Socket& socket) {
  sources_.push_back({socket.raw_, -1});
  watched_.push_back(true);
  readable_.push_back(false);
  return sources_.size() - 1;
}

std::size_t Poller::add(int descriptor) {
  sources_.push_back({nullptr, descriptor});
  watched_.push_back(true);
  readable_.push_back(false);
  return sources_.size() - 1;
}

void Poller::wait(std::chrono::milliseconds timeout) {
  std::vector<zmq_pollitem_t> items;
  std::vector<std::size_t> of;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    readable_[i] = false;
    if (!watched_[i]) continue;
    items.push_back({sources_[i].socket, sources_[i].descriptor, ZMQ_POLLIN, 0});
    of.push_back(i);
  }
  if (zmq_poll(items.data(), static_cast<int>(items.size()), timeout.count()) <= 0) return;
  for (std::size_t k = 0; k < items.size(); ++k) {
    readable_[of[k]] = (items[k].revents & ZMQ_POLLIN) != 0;
  }
}

std::string broadcast_topic(std::string_view stream) { return std::string(stream) + '\0'; }

std::string zmq_library() {
  int major = 0, minor = 0, patch = 0;
  zmq_version(&major, &minor, &patch);
  return "libzmq " + std::to_string(major) + "." + std::to_string(minor) + "." +
         std::to_string(patch);
}

}  // namespace forebay
