#include "sidecar/doors.h"

#include <catch2/catch.hpp>
#include <functional>

#include "common/base/limits.h"
#include "common/wire/listener.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Topology two_readers() {
  Topology topology;
  topology.sidecars = {{"near", "a", {{"orders", {}}, {"payments", {}}}, {}}};
  Node clerk, cashier;
  clerk.name = "clerk";
  clerk.subscribes = {{"orders", {}}};
  cashier.name = "cashier";
  cashier.subscribes = {{"payments", {}}};
  topology.nodes = {clerk, cashier};
  return topology;
}

/// The broadcasts of a sidecar over tcp, with keys for two readers.
struct DoorsFixture {
  DoorsFixture() {
    const SidecarEndpoints endpoints{{}, {}, {}, {}, {"tcp://127.0.0.1:" + std::to_string(port)}};
    REQUIRE(doors.bind(endpoints, gate.get(), connections));
  }
  /// Some port that nobody has.
  static int free_port() {
    Context context;
    Socket socket(context, SocketKind::kRouter, 1);
    REQUIRE(socket.bind("tcp://127.0.0.1:*"));
    const std::string endpoint = socket.endpoint();
    return std::stoi(endpoint.substr(endpoint.rfind(':') + 1));
  }
  std::string endpoint() const { return "tcp://127.0.0.1:" + std::to_string(port); }
  Credentials credentials(const KeyPair& own) const { return {own, {server.public_key}}; }

  /// Broadcasts both streams until `done`, at most five seconds long.
  bool broadcast_until(const std::function<bool()>& done) {
    Poller none;
    for (const auto end = SystemClock().mono() + seconds(5); SystemClock().mono() < end;) {
      if (done()) return true;
      doors.take_wishes(now());
      for (const std::string stream : {"orders", "payments"})
        doors.publish(broadcast_topic(stream), Message(std::string_view("event")), now());
      none.wait(milliseconds(2));
    }
    return false;
  }

  int port = free_port();
  /// The clock goes ahead by this.
  seconds ahead{0};
  MonoTime now() const { return SystemClock().mono() + ahead; }
  KeyPair server = make_key_pair(), clerk = make_key_pair(), cashier = make_key_pair();
  const Topology topology = two_readers();
  const std::optional<FarSide> far{
      FarSide{server,
              {{clerk.public_key, "clerk"}, {cashier.public_key, "cashier"}},
              Access(topology, topology.sidecars[0])}};
  Context context;
  std::unique_ptr<Gatekeeper> gate = std::move(*Gatekeeper::start(context, far->names));
  DoorConnections connections{context};
  BroadcastDoors doors{context, far};
};

/// Listens from another host, and counts what it hears by stream.
struct Reader {
  Reader(DoorsFixture& fixture, const KeyPair& own, std::vector<std::string> streams)
      : listener(context, 100, fixture.credentials(own)) {
    REQUIRE(listener.connect(fixture.endpoint()));
    for (const std::string& stream : streams) listener.hear(stream);
  }
  void listen(MonoTime now) {
    listener.say_what(now);
    while (const auto message = listener.receive()) ++heard[std::string(message->stream())];
  }
  Context context;
  Listener listener;
  std::map<std::string, int> heard;
};

TEST_CASE("EachHearsWhatItMayAndNoMore") {
  DoorsFixture f;
  Reader clerk(f, f.clerk, {"orders", "payments"}), cashier(f, f.cashier, {"payments"});
  CHECK(f.broadcast_until([&] {
    clerk.listen(f.now());
    cashier.listen(f.now());
    return clerk.heard["orders"] > 20 && cashier.heard["payments"] > 20;
  }));
  CHECK(clerk.heard["payments"] == 0);
  CHECK(cashier.heard["orders"] == 0);
  CHECK(f.doors.refused() > 0);
}

// An XPUB in manual mode took a frame of another kind for a wish, and with it the next wish for
// somebody else's.
TEST_CASE("NoMessageBringsAPeerWhatIsAnothers") {
  DoorsFixture f;
  Reader cashier(f, f.cashier, {"payments"});
  Context context;
  Socket odd(context, SocketKind::kDealer, 1000);
  REQUIRE(odd.connect(f.endpoint(), f.credentials(f.clerk), 0));
  int stolen = 0;
  const std::string topic = broadcast_topic("payments");
  CHECK(f.broadcast_until([&] {
    cashier.listen(f.now());
    for (const std::string& text : {std::string("\2"), "\1" + topic, topic, std::string()})
      static_cast<void>(odd.send(Message(std::string_view(text))));
    std::array<Message, 3> many{Message(std::string_view(topic)), Message(std::string_view(topic)),
                                Message(std::string_view(topic))};
    static_cast<void>(odd.send(many));
    while (odd.receive()) ++stolen;
    return cashier.heard["payments"] > 200;
  }));
  CHECK(stolen == 0);
  CHECK(f.doors.refused() > 200);
}

TEST_CASE("WhoNoLongerSaysThatItListensIsForgotten") {
  DoorsFixture f;
  Reader clerk(f, f.clerk, {"orders"});
  REQUIRE(f.broadcast_until([&] {
    clerk.listen(f.now());
    return clerk.heard["orders"] > 0;
  }));
  f.ahead = limits::kHearingLease + seconds(1);
  Reader other(f, f.clerk, {"orders"});
  REQUIRE(f.broadcast_until([&] {
    other.listen(f.now());
    return other.heard["orders"] > 0;
  }));
  clerk.heard.clear();
  const int before = other.heard["orders"];
  REQUIRE(f.broadcast_until([&] {
    other.listen(f.now());
    while (clerk.listener.receive()) ++clerk.heard["orders"];
    return other.heard["orders"] > before + 50;
  }));
  CHECK(clerk.heard["orders"] < 50);  // what was under way
}

TEST_CASE("AUsersConnectionsThatHearAreBounded") {
  DoorsFixture f;
  std::vector<std::unique_ptr<Reader>> readers;
  for (std::size_t i = 0; i < limits::kHearersOfUserMax + 4; ++i)
    readers.push_back(std::make_unique<Reader>(f, f.clerk, std::vector<std::string>{"orders"}));
  const auto hearing = [&] {
    std::size_t count = 0;
    for (const auto& reader : readers) {
      reader->listen(f.now());
      count += reader->heard["orders"] > 0;
    }
    return count;
  };
  CHECK(f.broadcast_until(
      [&] { return hearing() == limits::kHearersOfUserMax && f.doors.refused() >= 4; }));
  CHECK(hearing() == limits::kHearersOfUserMax);
}

TEST_CASE("ASubscriptionLongerThanAnyTopicEndsItsConnection") {
  const test::TempDir dir;
  Context context;
  DoorConnections connections(context);
  const std::optional<FarSide> nobody;
  BroadcastDoors doors(context, nobody);
  const std::string endpoint = "ipc://" + (dir / "broadcast");
  REQUIRE(doors.bind({{}, {}, {endpoint}, {}, {}}, nullptr, connections));
  Socket sub(context, SocketKind::kSub, 16);
  REQUIRE(sub.connect(endpoint));
  // It is in a command of ten bytes more.
  sub.subscribe(std::string(limits::kSubscriptionFrameBytesMax - 10, 'x'));
  REQUIRE(test::eventually([&] {
    doors.publish(std::string(limits::kSubscriptionFrameBytesMax, 'x'), Message("event"),
                  MonoTime{});
    return sub.receive().has_value();
  }));
  CHECK(connections.near.count().ended == 0);
  sub.subscribe(std::string(limits::kSubscriptionFrameBytesMax, 'x'));
  CHECK(test::eventually([&] { return connections.near.count().ended > 0; }));
}

/// Where requests come in, for the sidecar's own host and for others, with keys for a reader.
struct ControlFixture {
  /// `beside`: the client is on the sidecar's own host.
  explicit ControlFixture(bool beside) {
    const std::string far_endpoint = "tcp://127.0.0.1:" + std::to_string(DoorsFixture::free_port());
    const SidecarEndpoints endpoints{{}, {"ipc://" + (dir / "control")}, {}, {far_endpoint}, {}};
    REQUIRE(doors.bind(endpoints, gate.get(), connections));
    client.without_heartbeats();  // nobody answers them while requests wait
    if (beside) {
      REQUIRE(client.connect(endpoints.control.front()));
    } else {
      REQUIRE(client.connect(far_endpoint, {clerk, {server.public_key}}, 0));
    }
    its_connections = beside ? &connections.near : &connections.far;
  }

  // Ends last: libzmq 4.3.4 aborts if a heartbeat is due to whoever left a full queue (_io_error).
  Context client_context;
  Socket client{client_context, SocketKind::kDealer, 16};
  test::TempDir dir;
  KeyPair server = make_key_pair(), clerk = make_key_pair();
  const Topology topology = two_readers();
  const std::optional<FarSide> far{
      FarSide{server, {{clerk.public_key, "clerk"}}, Access(topology, topology.sidecars[0])}};
  Context context;
  std::unique_ptr<Gatekeeper> gate = std::move(*Gatekeeper::start(context, far->names));
  DoorConnections connections{context};
  ControlDoors doors{context, far};
  Connections* its_connections = nullptr;
};

TEST_CASE("RequestsThatNobodyReadsWaitWithWhoSentThem") {
  const bool beside = GENERATE(true, false);
  CAPTURE(beside);
  ControlFixture f(beside);
  // Far from what waits for answers; between the two lies what the system itself holds.
  constexpr std::size_t kTooMany = limits::kControlHighWaterMessages / 2;
  const std::string request(limits::kControlBytesMax, 'x');
  std::size_t sent = 0;
  Poller none;
  MonoTime until = SystemClock().mono() + seconds(20);  // to be connected
  while (sent < kTooMany && SystemClock().mono() < until) {
    if (f.client.send(Message(std::string_view(request))) != SendResult::kSent) {
      none.wait(milliseconds(1));
      continue;
    }
    ++sent;
    if (sent >= limits::kRequestsAtOnce) until = SystemClock().mono() + milliseconds(200);
  }
  CHECK(sent >= limits::kRequestsAtOnce);
  CHECK(sent < kTooMany);
}

TEST_CASE("ARequestPastWhatAnyHasEndsItsConnection") {
  const bool beside = GENERATE(true, false);
  CAPTURE(beside);
  ControlFixture f(beside);
  const auto ended = [&] {
    static_cast<void>(f.doors.receive());
    return f.its_connections->count().ended;
  };
  const auto send = [&](std::size_t bytes) {
    return f.client.send(Message(std::string(bytes, 'x'))) == SendResult::kSent;
  };
  REQUIRE(test::eventually([&] { return send(limits::kControlBytesMax); }));
  REQUIRE(test::eventually([&] { return f.doors.receive().has_value(); }));
  CHECK(ended() == 0);
  REQUIRE(send(limits::kControlFrameBytesMax + 1));
  CHECK(test::eventually([&] { return ended() == 1; }));
}

}  // namespace
}  // namespace forebay
