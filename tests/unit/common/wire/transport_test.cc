#include "common/wire/transport.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <optional>

#include "common/base/limits.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;

/// A PUSH and a PULL, or other pair, over an ipc endpoint of their own.
struct Pair {
  test::TempDir folder;
  std::string endpoint = "ipc://" + folder / "s.sock";
  Context context;
  Socket server, client;
  Pair(SocketKind server_kind, SocketKind client_kind, int high_water_messages = 100)
      : server(context, server_kind, high_water_messages),
        client(context, client_kind, high_water_messages) {
    REQUIRE(server.bind(endpoint).has_value());
    REQUIRE(client.connect(endpoint).has_value());
  }
};

/// Waits for input, for at most ten seconds.
bool readable(Socket& socket) {
  Poller poller;
  const std::size_t index = poller.add(socket);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!poller.readable(index) && std::chrono::steady_clock::now() < deadline) {
    poller.wait(milliseconds(100));
  }
  return poller.readable(index);
}

std::vector<Message> frames_of(std::initializer_list<std::string_view> texts) {
  std::vector<Message> frames;
  for (const std::string_view text : texts) frames.emplace_back(text);
  return frames;
}

TEST_CASE("AMessageArrivesWithItsFrames") {
  Pair pair(SocketKind::kPull, SocketKind::kPush);
  auto frames = frames_of({"topic", "", "body"});
  REQUIRE(pair.client.send(frames) == SendResult::kSent);
  REQUIRE(readable(pair.server));
  const auto received = pair.server.receive();
  REQUIRE(received.has_value());
  REQUIRE(received->size() == 3);
  CHECK(received->at(0).view() == "topic");
  CHECK(received->at(1).view().empty());
  CHECK(received->at(2).view() == "body");
  CHECK_FALSE(pair.server.receive().has_value());
}

TEST_CASE("FramesAboveTheMostAreDroppedAndTheNextMessageIsWhole") {
  Pair pair(SocketKind::kPull, SocketKind::kPush);
  auto many = frames_of({"1", "2", "3", "4", "5", "6"});
  REQUIRE(pair.client.send(many) == SendResult::kSent);
  REQUIRE(pair.client.send(Message("next")) == SendResult::kSent);
  REQUIRE(readable(pair.server));
  const auto received = pair.server.receive(2);
  REQUIRE(received.has_value());
  REQUIRE(received->size() == 2);
  CHECK(received->at(1).view() == "2");
  REQUIRE(readable(pair.server));
  CHECK(pair.server.receive()->at(0).view() == "next");
}

TEST_CASE("AMessageOfSeveralFramesIsGivenAsAnEmptyOneWhereOneIsExpected") {
  Pair pair(SocketKind::kPull, SocketKind::kPush);
  auto frames = frames_of({"1", "2", "3"});
  REQUIRE(pair.client.send(frames) == SendResult::kSent);
  REQUIRE(pair.client.send(Message("next")) == SendResult::kSent);
  REQUIRE(readable(pair.server));
  CHECK(pair.server.receive_single()->view().empty());
  REQUIRE(readable(pair.server));
  CHECK(pair.server.receive_single()->view() == "next");
}

TEST_CASE("NothingThereIsNoMessage") {
  Pair pair(SocketKind::kPull, SocketKind::kPush);
  CHECK_FALSE(pair.server.receive().has_value());
  CHECK_FALSE(pair.server.receive_single().has_value());
}

TEST_CASE("AFullQueueWouldBlockAndLeavesTheFrames") {
  Context context;
  Socket push(context, SocketKind::kPush, 4);  // nobody is connected
  auto frames = frames_of({"a", "b"});
  CHECK(push.send(frames) == SendResult::kWouldBlock);
  CHECK(frames[0].view() == "a");
  CHECK(frames[1].view() == "b");
}

TEST_CASE("NoMoreMessagesWaitThanTheMarksOfBothEndsAllow") {
  constexpr int kMark = 4;
  Context context;  // within one process no kernel keeps messages beside
  Socket pull(context, SocketKind::kPull, kMark);
  Socket push(context, SocketKind::kPush, kMark);
  REQUIRE(pull.bind("inproc://here"));
  REQUIRE(push.connect("inproc://here"));
  int taken = 0;
  while (taken < 100 * kMark && push.send(Message("more")) == SendResult::kSent) ++taken;
  CHECK(taken == 2 * kMark);
  REQUIRE(readable(pull));
  while (pull.receive_single()) --taken;
  CHECK(taken == 0);
}

TEST_CASE("ARouterSaysThatAPeerIsGone") {
  Context context;
  Socket router(context, SocketKind::kRouter, 100);
  auto frames = frames_of({"nobody", "hello"});
  CHECK(router.send(frames) == SendResult::kUnreachable);
}

TEST_CASE("ADealerIsAnsweredByItsRoute") {
  Pair pair(SocketKind::kRouter, SocketKind::kDealer);
  REQUIRE(pair.client.send(Message("question")) == SendResult::kSent);
  REQUIRE(readable(pair.server));
  auto request = pair.server.receive();
  REQUIRE(request.has_value());
  REQUIRE(request->size() == 2);
  CHECK(request->at(1).view() == "question");
  std::vector<Message> reply;
  reply.push_back(std::move(request->at(0)));
  reply.emplace_back("answer");
  REQUIRE(pair.server.send(reply) == SendResult::kSent);
  REQUIRE(readable(pair.client));
  CHECK(pair.client.receive_single()->view() == "answer");
}

TEST_CASE("ATopicDoesNotMatchALongerName") {
  CHECK(broadcast_topic("order") == std::string("order\0", 6));
  Pair pair(SocketKind::kPub, SocketKind::kSub);
  pair.client.subscribe(broadcast_topic("order"));
  // A subscription takes a moment to arrive: publish until something is seen.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::optional<std::vector<Message>> received;
  Poller poller;
  poller.add(pair.client);
  while (!received && std::chrono::steady_clock::now() < deadline) {
    for (const char* stream : {"orders", "order"}) {
      auto frames = frames_of({broadcast_topic(stream), stream});
      REQUIRE(pair.server.send(frames) == SendResult::kSent);
    }
    poller.wait(milliseconds(10));
    received = pair.client.receive();
  }
  REQUIRE(received.has_value());
  CHECK(received->at(1).view() == "order");
}

TEST_CASE("AFrameAboveTheLimitIsDroppedAndOthersStillServed") {
  Pair pair(SocketKind::kPull, SocketKind::kPush);
  // The limit is on what is received: the sender's connection is cut.
  REQUIRE(pair.client.send(Message(std::string(limits::kFrameBytesMax + 1, 'x'))) ==
          SendResult::kSent);
  Socket other(pair.context, SocketKind::kPush, 100);
  REQUIRE(other.connect(pair.endpoint).has_value());
  const std::string largest(limits::kFrameBytesMax, 'y');
  REQUIRE(other.send(Message(largest)) == SendResult::kSent);
  REQUIRE(readable(pair.server));
  CHECK(pair.server.receive_single()->view() == largest);
  CHECK_FALSE(pair.server.receive_single().has_value());
}

TEST_CASE("SharedBytesLiveAsLongAsTheirMessages") {
  auto bytes = std::make_shared<const std::string>(std::string(100'000, 'z'));
  const std::weak_ptr<const std::string> watch = bytes;
  {
    Message message(bytes);
    CHECK(message.view().data() == bytes->data());  // no copy
    bytes.reset();
    Message second = message.share();
    Message third;
    third = std::move(message);
    CHECK_FALSE(watch.expired());
    CHECK(second.view() == third.view());
    CHECK(second.size() == 100'000);
  }
  CHECK(watch.expired());
}

// libzmq aborted the program: the heartbeat of a connection that was full, and over, was due.
TEST_CASE("WhoIsGoneWhileAPullIsFullTakesNothingWithIt") {
  const test::TempDir folder;
  const std::string endpoint = "ipc://" + folder / "s.sock";
  Context context;
  Socket pull(context, SocketKind::kPull, 1);
  REQUIRE(pull.bind(endpoint).has_value());
  {
    Socket push(context, SocketKind::kPush, 10);
    push.linger(milliseconds(1000));
    REQUIRE(push.connect(endpoint).has_value());
    for (int i = 0; i < 10; ++i)
      REQUIRE(push.send(Message(std::string_view("event"))) == SendResult::kSent);
    REQUIRE(readable(pull));
  }
  Poller none;
  none.wait(milliseconds(limits::kZmqHeartbeatMs + 200));
  CHECK(pull.receive().has_value());
}

TEST_CASE("ASourceThatIsNotWatchedIsNotReadable") {
  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  REQUIRE(::write(pipe_ends[1], "x", 1) == 1);
  Poller poller;
  const std::size_t index = poller.add(pipe_ends[0]);
  poller.wait(milliseconds(1000));
  CHECK(poller.readable(index));
  poller.watch(index, false);
  poller.wait(milliseconds(0));
  CHECK_FALSE(poller.readable(index));
  poller.watch(index, true);
  poller.wait(milliseconds(1000));
  CHECK(poller.readable(index));
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

TEST_CASE("AnEndpointThatCannotBeBoundIsToldByName") {
  Context context;
  Socket socket(context, SocketKind::kPull, 10);
  const auto bound = socket.bind("ipc:///no/such/folder/s.sock");
  REQUIRE_FALSE(bound.has_value());
  CHECK(bound.error().code == ErrorCode::kIo);
  CHECK(bound.error().message.find("/no/such/folder/s.sock") != std::string::npos);
  CHECK_FALSE(socket.connect("nonsense").has_value());
}

}  // namespace
}  // namespace forebay
