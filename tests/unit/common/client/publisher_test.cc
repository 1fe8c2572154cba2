#include "common/client/publisher.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>

#include "common/base/limits.h"
#include "tests/support/eventually.h"
#include "tests/support/made_batches.h"
#include "tests/support/scripted_sidecar.h"

namespace forebay {
namespace {

using std::chrono::seconds;

/// Takes batches and says, whenever a publisher asks, how far it took them: a sidecar without a log.
class TakingSidecar {
 public:
  TakingSidecar() : control_([this](const RequestMessage& request) { return answer(request); }) {
    REQUIRE(pull_.bind(ingest()).has_value());
    thread_ = std::thread([this] { take(); });
  }
  ~TakingSidecar() {
    stop_ = true;
    thread_.join();
  }
  [[nodiscard]] std::string ingest() const { return "ipc://" + (dir_ / "ingest.sock"); }

  [[nodiscard]] std::unique_ptr<Publisher> publisher(std::size_t number) const {
    auto connected = Publisher::connect({.ingest = ingest(),
                                         .control = control_.endpoint(),
                                         .stream = "s" + std::to_string(number)});
    REQUIRE(connected.has_value());
    return std::move(*connected);
  }
  [[nodiscard]] std::uint64_t events() const { return events_; }
  /// Whether it reads batches; it does unless told.
  void read(bool reads) { reads_ = reads; }
  [[nodiscard]] std::size_t goodbyes() const { return goodbyes_; }

 private:
  std::vector<test::ScriptedSidecar::Answer> answer(const RequestMessage& request) {
    const std::uint64_t id = request.envelope.id;
    if (const auto* asked = std::get_if<Register>(&request.body)) {
      const ProducerId producer{std::stoull(asked->stream.substr(1)) + 1};
      return {{id, Registered{asked->stream, incarnation_, producer, {1}, {}, {}, {}}, {}}};
    }
    if (std::holds_alternative<Goodbye>(request.body)) ++goodbyes_;
    const auto* kept = std::get_if<Keepalive>(&request.body);
    if (kept == nullptr) return {};
    const std::lock_guard hold(mutex_);
    const ProducerSequence position = positions_[kept->producer.value];
    // Without the request's number, as a commit's acknowledgement comes.
    return {
        {0, Acknowledged{incarnation_, kept->producer, {1}, position, {position.value}, {1}}, {}}};
  }

  void take() {
    Poller poller;
    poller.add(pull_);
    while (!stop_) {
      poller.watch(0, reads_);
      poller.wait(std::chrono::milliseconds(20));
      if (!reads_) continue;
      while (const auto frame = pull_.receive_single()) {
        const auto batch = BatchView::parse(frame->view());
        if (!batch) continue;
        const std::lock_guard hold(mutex_);
        ProducerSequence& position = positions_[batch->header().origin.producer.value];
        if (position != batch->header().origin.previous) continue;
        position = batch->header().origin.last;
        events_ += batch->header().count;
      }
    }
  }

  const Incarnation incarnation_ = test::id_of<Incarnation>('i');
  test::TempDir dir_;
  std::mutex mutex_;
  std::map<std::uint64_t, ProducerSequence> positions_;  // by producer
  std::atomic<std::uint64_t> events_ = 0;
  std::atomic<std::size_t> goodbyes_ = 0;
  std::atomic<bool> reads_ = true;
  std::atomic<bool> stop_ = false;
  Context context_;
  Socket pull_{context_, SocketKind::kPull, 100};
  std::thread thread_;
  test::ScriptedSidecar control_;
};

std::ptrdiff_t threads() {
  const std::filesystem::directory_iterator all("/proc/self/task");
  return std::distance(begin(all), end(all));
}

Event made(int number) {
  Event event;
  event.type = "thing.happened";
  event.subject = std::to_string(number);
  return event;
}

TEST_CASE("PublishersOfOneProcessShareTheConnectionAndEachGetsItsOwnAnswers") {
  constexpr std::size_t kPublishers = 50;
  constexpr int kEvents = 20;
  TakingSidecar sidecar;
  const auto before = threads();
  {
    std::vector<std::unique_ptr<Publisher>> publishers;
    for (std::size_t i = 0; i < kPublishers; ++i) publishers.push_back(sidecar.publisher(i));
    CHECK(threads() - before <= 3);  // the link's, and two of ZeroMQ's
    // From several threads, each with publishers of its own and one that they share.
    std::vector<std::thread> writers;
    for (std::size_t writer = 0; writer < 2; ++writer) {
      writers.emplace_back([&, writer] {
        for (int n = 0; n < kEvents; ++n) {
          for (std::size_t i = 1 + writer; i < kPublishers; i += 2)
            static_cast<void>(publishers[i]->publish(made(n)));
          static_cast<void>(publishers[0]->publish(made(n)));
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
    for (std::size_t i = 0; i < kPublishers; ++i) {
      const auto done = publishers[i]->flush(seconds(20));
      REQUIRE(done.has_value());
      CHECK(done->events == (i == 0 ? 2 * kEvents : kEvents));
    }
  }
  CHECK(sidecar.events() == (kPublishers + 1) * kEvents);
  CHECK(test::eventually([&] { return sidecar.goodbyes() == kPublishers; }));
  CHECK(threads() == before);
}

TEST_CASE("OneThatGoesLeavesTheOthersConnected") {
  TakingSidecar sidecar;
  auto first = sidecar.publisher(0);
  const auto second = sidecar.publisher(1);
  REQUIRE(first->publish(made(1)).has_value());
  REQUIRE(first->flush(seconds(20)).has_value());
  first.reset();
  REQUIRE(second->publish(made(2)).has_value());
  CHECK(second->flush(seconds(20)).has_value());
}

TEST_CASE("OneThatFollowsOnAnotherOfTheSameProducerGetsTheAnswers") {
  TakingSidecar sidecar;
  auto first = sidecar.publisher(0);
  REQUIRE(first->wait_registered(seconds(20)).has_value());
  const auto second = sidecar.publisher(0);
  REQUIRE(second->wait_registered(seconds(20)).has_value());
  first.reset();
  REQUIRE(second->publish(made(1)).has_value());
  CHECK(second->flush(seconds(20)).has_value());
}

TEST_CASE("BatchesThatFindNoRoomWaitTheirTurnAndAllArrive") {
  constexpr std::size_t kPublishers = 4 * limits::kDataHighWaterMessages;
  const std::string large = std::string("\xc5\x7f\xff", 3) + std::string(0x7fff, 'x');  // bin
  TakingSidecar sidecar;
  std::vector<std::unique_ptr<Publisher>> publishers;
  for (std::size_t i = 0; i < kPublishers; ++i) publishers.push_back(sidecar.publisher(i));
  for (const auto& publisher : publishers)
    REQUIRE(publisher->wait_registered(seconds(20)).has_value());
  sidecar.read(false);
  for (int round = 0; round < 3; ++round) {
    Event event = made(round);
    event.data = large;
    for (const auto& publisher : publishers) REQUIRE(publisher->publish(event).has_value());
  }
  sidecar.read(true);
  for (const auto& publisher : publishers) REQUIRE(publisher->flush(seconds(20)).has_value());
  CHECK(sidecar.events() == 3 * kPublishers);
}

TEST_CASE("WithNobodyThereAPublisherTakesAWindowOfEvents") {
  const test::TempDir dir;
  const auto publisher = Publisher::connect({.ingest = "ipc://" + (dir / "ingest.sock"),
                                             .control = "ipc://" + (dir / "control.sock"),
                                             .stream = "a"})
                             .value();
  for (std::size_t i = 0; i < limits::kWindowBytesMax / limits::kEventBytesMax; ++i)
    REQUIRE(publisher->publish(test::large_event()).value() == Admission::kTaken);
  CHECK(publisher->publish(test::large_event()).value() == Admission::kWouldBlock);
}

TEST_CASE("APublisherThatGaveUpBeforeTheSidecarCameAsksForNothing") {
  const test::TempDir dir;
  const std::string ingest = "ipc://" + (dir / "ingest.sock");
  const std::string control = "ipc://" + (dir / "control.sock");
  const auto connect = [&](const std::string& stream) {
    auto publisher = Publisher::connect({.ingest = ingest, .control = control, .stream = stream});
    REQUIRE(publisher.has_value());
    return std::move(*publisher);
  };
  const auto stays = connect("stays");
  {
    const auto gone = connect("gone");
    REQUIRE_FALSE(gone->wait_registered(limits::kKeepaliveInterval + seconds(1)).has_value());
  }
  Context context;
  Socket router(context, SocketKind::kRouter, limits::kControlHighWaterMessages);
  REQUIRE(router.bind(control).has_value());
  // What came before its second registration came before all that was queued.
  int registrations = 0;
  const auto registered_twice = [&] {
    while (const auto frames = router.receive()) {
      const auto request = decode_request(frames->back().view());
      REQUIRE(request.has_value());
      const auto* asked = std::get_if<Register>(&request->body);
      REQUIRE(asked != nullptr);
      CHECK(asked->stream == "stays");
      ++registrations;
    }
    return registrations >= 2;
  };
  CHECK(test::eventually(registered_twice));
}

}  // namespace
}  // namespace forebay
