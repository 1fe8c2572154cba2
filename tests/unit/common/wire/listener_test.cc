#include "common/wire/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "common/wire/gatekeeper.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Takes connections, and says nothing on them.
class SilentPeer {
 public:
  SilentPeer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(socket_, any, size) == 0);
    REQUIRE(::listen(socket_, 8) == 0);
    REQUIRE(::getsockname(socket_, any, &size) == 0);
    endpoint = "tcp://127.0.0.1:" + std::to_string(::ntohs(address.sin_port));
  }
  ~SilentPeer() {
    for (const int each : taken_) ::close(each);
    ::close(socket_);
  }

  bool takes_another(milliseconds within) {
    pollfd ready{socket_, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(within.count())) != 1) return false;
    taken_.push_back(::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC));
    return true;
  }

  std::string endpoint;

 private:
  int socket_;
  std::vector<int> taken_;
};

// Heartbeats would have seen that the other end is gone; with them libzmq aborted where a listener
// was not read for four seconds.
TEST_CASE("AListenerThatHearsNothingConnectsAnew") {
  SilentPeer peer;
  Context context;
  Listener listener(context, 100, std::nullopt);
  REQUIRE(listener.connect(peer.endpoint));
  listener.hear("orders");
  REQUIRE(peer.takes_another(seconds(5)));
  const MonoTime now = SystemClock().mono();
  listener.say_what(now);
  CHECK(!listener.receive());
  listener.say_what(now + limits::kListenerSilence - milliseconds(1));
  CHECK(!peer.takes_another(milliseconds(100)));
  listener.say_what(now + limits::kListenerSilence);
  CHECK(peer.takes_another(seconds(5)));
}

TEST_CASE("AListenerThatWasNotReadForLongKeepsWhatHasComeMeanwhile") {
  Context context;
  Socket pub(context, SocketKind::kPub, 100);
  REQUIRE(pub.bind("tcp://127.0.0.1:*"));
  Listener listener(context, 100, std::nullopt);
  REQUIRE(listener.connect(pub.endpoint()));
  listener.hear("orders");
  Poller poller;
  poller.add(listener.socket());
  for (int round = 0; round < 20; ++round) {
    const MonoTime now = SystemClock().mono();
    listener.say_what(now);
    while (listener.receive()) {
    }
    listener.say_what(now);
    const auto end = now + seconds(10);
    while (!poller.readable(0) && SystemClock().mono() < end) {
      std::array<Message, 2> frames{Message(broadcast_topic("orders")),
                                    Message(std::string_view("event"))};
      static_cast<void>(pub.send(frames));
      poller.wait(milliseconds(10));
    }
    REQUIRE(poller.readable(0));
    listener.say_what(now + limits::kListenerSilence);
    const auto heard = listener.receive();
    REQUIRE(heard);
    CHECK(heard->stream() == "orders");
    CHECK(heard->body.view() == "event");
    poller.wait(milliseconds(0));
  }
}

TEST_CASE("AListenerThatHearsNothingTriesTheServersOtherKey") {
  const KeyPair server = make_key_pair(), known = make_key_pair();
  Context context;
  const auto gate = std::move(*Gatekeeper::start(context, {{known.public_key, "audit"}}));
  Socket router(context, SocketKind::kRouter, 100);
  router.serve_encrypted(server, *gate);
  REQUIRE(router.bind("tcp://127.0.0.1:*"));
  Listener listener(context, 100,
                    Credentials{known, {make_key_pair().public_key, server.public_key}});
  REQUIRE(listener.connect(router.endpoint()));
  listener.hear("orders");
  Poller poller;
  poller.add(router);
  const MonoTime now = SystemClock().mono();
  listener.say_what(now);
  poller.wait(milliseconds(300));
  CHECK_FALSE(poller.readable(0));
  listener.say_what(now + limits::kListenerSilence);
  CHECK(listener.turn() == 1);
  poller.wait(seconds(5));
  const auto wish = router.receive();
  REQUIRE(wish);
  CHECK(wish->back().view() == broadcast_topic("orders"));
}

}  // namespace
}  // namespace forebay
