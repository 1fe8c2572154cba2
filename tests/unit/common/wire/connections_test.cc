#include "common/wire/connections.h"

#include <catch2/catch.hpp>
#include <functional>

#include "common/base/clock.h"
#include "common/wire/gatekeeper.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kFrameBytesMax = 1000;

/// An encrypted socket whose connections are counted.
struct WatchedServer {
  WatchedServer() {
    REQUIRE(connections.watch(router));
    router.limit_frames(kFrameBytesMax);
    router.serve_encrypted(own, *gate);
    REQUIRE(router.bind("tcp://127.0.0.1:*"));
    endpoint = router.endpoint();
  }
  ConnectionCounts counts_once(const std::function<bool(const ConnectionCounts&)>& done) {
    Poller none;
    for (const auto end = SystemClock().mono() + seconds(10); SystemClock().mono() < end;) {
      while (router.receive()) {
      }
      if (done(connections.count())) break;
      none.wait(milliseconds(2));
    }
    return connections.count();
  }
  KeyPair own = make_key_pair(), known = make_key_pair();
  Context context;
  std::unique_ptr<Gatekeeper> gate =
      std::move(*Gatekeeper::start(context, {{known.public_key, "audit"}}));
  Connections connections{context};
  Socket router{context, SocketKind::kRouter, 16};
  std::string endpoint;
};

TEST_CASE("EachConnectionIsCountedByWhatBecameOfIt") {
  WatchedServer server;
  Context context;
  Socket dealer(context, SocketKind::kDealer, 16);
  SECTION("let in, until it sends a frame that is too long") {
    REQUIRE(dealer.connect(server.endpoint, {server.known, {server.own.public_key}}, 0));
    const auto before = server.counts_once([](const auto& counts) { return counts.let_in == 1; });
    CHECK(before == ConnectionCounts{.accepted = 1, .let_in = 1});
    CHECK(dealer.send(Message(std::string(kFrameBytesMax + 1, 'x'))) == SendResult::kSent);
    const auto after = server.counts_once([](const auto& counts) { return counts.ended == 1; });
    CHECK(after.ended == 1);
    CHECK(after.turned_away == 0);
  }
  SECTION("turned away without a key") {
    REQUIRE(dealer.connect(server.endpoint));
    const auto counts = server.counts_once([](const auto& each) { return each.turned_away > 0; });
    CHECK(counts.turned_away > 0);
    CHECK(counts.let_in == 0);
    CHECK(counts.ended == 0);
  }
  SECTION("turned away with another public key for the server") {
    REQUIRE(dealer.connect(server.endpoint, {server.known, {make_key_pair().public_key}}, 0));
    const auto counts = server.counts_once([](const auto& each) { return each.turned_away > 0; });
    CHECK(counts.turned_away > 0);
    CHECK(counts.let_in == 0);
    CHECK(counts.ended == 0);
  }
  SECTION("ended with an unknown key, which the gatekeeper counts") {
    REQUIRE(dealer.connect(server.endpoint, {make_key_pair(), {server.own.public_key}}, 0));
    const auto counts = server.counts_once([](const auto& each) { return each.ended > 0; });
    CHECK(counts.ended > 0);
    CHECK(counts.let_in == 0);
    CHECK(counts.turned_away == 0);
    CHECK(server.gate->refused() > 0);
  }
}

/// A client, and why it is not let in.
struct WatchedClient {
  WatchedClient() { refusals.emplace(std::move(*Refusals::of(context, dealer))); }
  std::optional<Refusals::Why> why_once(bool refused) {
    Poller none;
    for (const auto end = SystemClock().mono() + seconds(10); SystemClock().mono() < end;) {
      if (refusals->why().has_value() == refused) break;
      none.wait(milliseconds(2));
    }
    return refusals->why();
  }
  Context context;
  std::optional<Refusals> refusals;  // outlives the socket
  Socket dealer{context, SocketKind::kDealer, 16};
};

TEST_CASE("AClientThatIsNotLetInLearnsWhy") {
  WatchedServer server;
  WatchedClient client;
  SECTION("its key is not known, until it is") {
    const KeyPair own = make_key_pair();
    const Credentials credentials{own, {server.own.public_key}};
    REQUIRE(client.dealer.connect(server.endpoint, credentials, 0));
    CHECK(client.why_once(true) == Refusals::Why::kUnknownClient);
    server.gate->rename({{own.public_key, "audit"}});
    // ZeroMQ does not try again by itself.
    client.dealer.disconnect();
    REQUIRE(client.dealer.connect(server.endpoint, credentials, 0));
    CHECK_FALSE(client.why_once(false));
  }
  SECTION("it has another key for the server") {
    REQUIRE(
        client.dealer.connect(server.endpoint, {server.known, {make_key_pair().public_key}}, 0));
    CHECK(client.why_once(true) == Refusals::Why::kNotTold);
  }
  SECTION("it is let in") {
    REQUIRE(client.dealer.connect(server.endpoint, {server.known, {server.own.public_key}}, 0));
    static_cast<void>(server.counts_once([](const auto& counts) { return counts.let_in == 1; }));
    CHECK_FALSE(client.refusals->why());
  }
}

TEST_CASE("ASocketMayEndWhileNobodyAsksWhatBecameOfItsConnections") {
  Context context;
  Connections connections(context);
  Socket router(context, SocketKind::kRouter, 16);
  REQUIRE(connections.watch(router));
  REQUIRE(router.bind("tcp://127.0.0.1:*"));
  for (int i = 0; i < 600; ++i) {  // more events than a socket's usual high-water mark
    Socket dealer(context, SocketKind::kDealer, 16);
    REQUIRE(dealer.connect(router.endpoint()));
    Poller poller;
    poller.add(router);
    CHECK(dealer.send(Message(std::string_view("hello"))) == SendResult::kSent);
    poller.wait(seconds(5));
    CHECK(router.receive());
  }
  CHECK(connections.count().let_in == 600);
}

}  // namespace
}  // namespace forebay
