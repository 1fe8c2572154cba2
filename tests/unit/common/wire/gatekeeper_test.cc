#include "common/wire/gatekeeper.h"

#include <catch2/catch.hpp>
#include <chrono>

#include "common/base/ids.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

const std::string kEndpoint = "tcp://127.0.0.1:*";

/// A server that says who a message is from.
struct Server {
  explicit Server(Gatekeeper::Names names)
      : gate(std::move(*Gatekeeper::start(context, std::move(names)))) {
    router.serve_encrypted(own, *gate);
    REQUIRE(router.bind(kEndpoint));
    endpoint = router.endpoint();
    poller.add(router);
  }
  /// The user of the next message; nullopt if none comes.
  std::optional<std::string> next(milliseconds wait = milliseconds(5000)) {
    for (const auto end = Clock::now() + wait; Clock::now() < end;) {
      poller.wait(milliseconds(10));
      if (const auto message = router.receive()) return std::string(message->back().user());
    }
    return std::nullopt;
  }

  KeyPair own = make_key_pair();
  Context context;
  std::unique_ptr<Gatekeeper> gate;
  Socket router{context, SocketKind::kRouter, 16};
  std::string endpoint;
  Poller poller;
};

struct Client {
  Client(const std::string& endpoint, const std::optional<KeyPair>& own,
         std::vector<std::string> server_keys) {
    const bool connected =
        own ? dealer.connect(endpoint, Credentials{*own, std::move(server_keys)}, 0).has_value()
            : dealer.connect(endpoint).has_value();
    REQUIRE(connected);
  }
  /// Once it is connected, where it waits for that.
  bool says_hello() {
    Poller poller;
    poller.add(dealer);
    for (const auto end = Clock::now() + milliseconds(5000); Clock::now() < end;) {
      if (dealer.send(Message(std::string_view("hello"))) == SendResult::kSent) return true;
      poller.wait(milliseconds(5));
    }
    return false;
  }
  /// As one that is to be refused does: libzmq may have given it up already, and then takes nothing of it.
  void tries_hello() { static_cast<void>(dealer.send(Message(std::string_view("hello")))); }
  Context context;
  Socket dealer{context, SocketKind::kDealer, 16};
};

TEST_CASE("AKnownKeyGetsInUnderItsNameAndAllOthersDoNot") {
  const KeyPair known = make_key_pair(), second = make_key_pair(), unknown = make_key_pair();
  Server server({{known.public_key, "audit"}, {second.public_key, "audit"}});
  for (const KeyPair& key : {known, second}) {
    Client client(server.endpoint, key, {server.own.public_key});
    CHECK(client.says_hello());
    CHECK(server.next() == "audit");
  }
  CHECK(server.gate->let_in() == 2);
  {
    Client client(server.endpoint, unknown, {server.own.public_key});
    client.tries_hello();
    while (server.gate->refused() == 0) CHECK_FALSE(server.next(milliseconds(50)));
  }
  Client plain(server.endpoint, std::nullopt, {});
  Client wrong(server.endpoint, known, {make_key_pair().public_key});
  Client right(server.endpoint, known, {server.own.public_key});
  plain.tries_hello();
  wrong.tries_hello();
  CHECK(right.says_hello());
  CHECK(server.next() == "audit");
  CHECK_FALSE(server.next(milliseconds(300)));
}

// libzmq lets everybody in then, unless it is told to insist on an answer.
TEST_CASE("NobodyComesInWhileNobodyIsAtTheGate") {
  const KeyPair known = make_key_pair();
  Server server({{known.public_key, "audit"}});
  server.gate.reset();
  Client client(server.endpoint, known, {server.own.public_key});
  client.tries_hello();
  CHECK_FALSE(server.next(milliseconds(500)));
}

TEST_CASE("AContextHasOneGatekeeper") {
  Context context;
  const auto first = Gatekeeper::start(context, {});
  REQUIRE(first.has_value());
  CHECK_FALSE(Gatekeeper::start(context, {}).has_value());
}

TEST_CASE("ANewKeyGetsInAndAnOldOneDoesNotOnceTheNamesAreOthers") {
  const KeyPair before = make_key_pair(), after = make_key_pair();
  Server server({{before.public_key, "audit"}});
  server.gate->rename({{after.public_key, "audit"}});
  Client old(server.endpoint, before, {server.own.public_key});
  old.tries_hello();
  while (server.gate->refused() == 0) CHECK_FALSE(server.next(milliseconds(50)));
  Client young(server.endpoint, after, {server.own.public_key});
  CHECK(young.says_hello());
  CHECK(server.next() == "audit");
}

TEST_CASE("AServerIsReachedWithItsKeyOnceThatHasItsTurn") {
  const KeyPair known = make_key_pair();
  const std::string other = make_key_pair().public_key;
  Server server({{known.public_key, "audit"}});
  const Credentials credentials{known, {other, server.own.public_key}};
  Context context;
  Socket dealer(context, SocketKind::kDealer, 16);
  for (std::size_t turn = 0; turn < 4; ++turn) {
    REQUIRE(dealer.connect(server.endpoint, credentials, turn));
    CHECK(dealer.send(Message(std::string_view("hello"))) == SendResult::kSent);
    const auto user = server.next(milliseconds(turn % 2 == 0 ? 300 : 5000));
    CHECK(user == (turn % 2 == 0 ? std::nullopt : std::optional<std::string>("audit")));
    dealer.disconnect();
  }
}

TEST_CASE("AKeyIsToldFromOtherTexts") {
  const KeyPair pair = make_key_pair();
  CHECK(is_key(pair.public_key));
  CHECK(key_pair_of(pair.secret_key)->public_key == pair.public_key);
  CHECK_FALSE(is_key(pair.public_key.substr(1)));
  CHECK_FALSE(is_key(std::string(40, '~')));
  CHECK_FALSE(is_key(std::string(40, '#')));  // more than four bytes hold
  CHECK_FALSE(key_pair_of("").has_value());
  CHECK(encode_key("short").empty());
}

}  // namespace
}  // namespace forebay
