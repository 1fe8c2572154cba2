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

TEST_CASE("AClientThatIsNotLetInLearnsWhy") {
  WatchedServer server;
  Context context;
  Poller none;
  const auto why = [&](const Credentials& credentials) {
    Socket dealer(context, SocketKind::kDealer, 16);
    auto refusals = std::move(*Refusals::of(context, dealer));
    REQUIRE(dealer.connect(server.endpoint, credentials, 0));
    std::optional<std::string> told;
    for (const auto end = SystemClock().mono() + seconds(10);
         SystemClock().mono() < end && !(told = refusals.last());)
      none.wait(milliseconds(2));
    Socket last(std::move(dealer));  // goes before what listens
    return told.value_or("");
  };
  CHECK(why({make_key_pair(), {server.own.public_key}}).find("does not know our key") == 0);
  CHECK(why({server.known, {make_key_pair().public_key}}).find("ends our handshake") == 0);
  Socket dealer(context, SocketKind::kDealer, 16);
  auto refusals = std::move(*Refusals::of(context, dealer));
  REQUIRE(dealer.connect(server.endpoint, {server.known, {server.own.public_key}}, 0));
  static_cast<void>(server.counts_once([](const auto& counts) { return counts.let_in == 1; }));
  CHECK_FALSE(refusals.last());
  Socket last(std::move(dealer));
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
