#include "common/client/publish_window.h"

#include <catch2/catch.hpp>

#include "tests/support/made_batches.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;
using test::id_of;
using State = PublishWindow::State;

const Incarnation kIncarnation = id_of<Incarnation>('A');
const BootId kBoot = id_of<BootId>('b');
const BootId kNextBoot = id_of<BootId>('c');
constexpr ProducerId kProducer{7};

/// A window with the sidecar's side of the conversation in hand.
struct Fixture {
  explicit Fixture(std::size_t bytes_max = std::size_t{1} << 20)
      : window(*PublishWindow::make({"a", "wms", 0, "", bytes_max}, id_of<InstanceId>('1'))) {}

  Result<Admission> publish(std::optional<std::uint64_t> number = {}, std::size_t bytes = 0) {
    Event event;
    event.type = "thing.happened";
    event.subject = std::string(std::min<std::size_t>(bytes, 4000) + 1, 's');
    std::optional<ProducerSequence> sequence;
    if (number) sequence = ProducerSequence{*number};
    return window.publish(event, {}, sequence);
  }
  /// Events of 4 kB until a batch is closed by its size.
  void publish_batch() {
    for (int i = 0; i < 70; ++i) REQUIRE(publish({}, 4000).has_value());
  }
  void reply(Reply body, const BootId& boot = kBoot) { window.on_reply({{0, boot}, body}, now); }
  void registered(std::uint64_t position = 0, std::uint32_t epoch = 1, const BootId& boot = kBoot,
                  ProducerId producer = kProducer, Incarnation incarnation = kIncarnation) {
    reply(Registered{"a", incarnation, producer, {epoch}, {}, {position}, {position}}, boot);
  }
  void acknowledged(std::uint64_t position, std::uint64_t first = 1) {
    reply(Acknowledged{kIncarnation, kProducer, {1}, {position}, {position}, {first}});
  }
  /// What is sent now: previous and last producer sequence of each batch.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> send(std::size_t at_most = 100) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> all;
    while (all.size() < at_most) {
      const auto batch = window.next_to_send(now);
      if (!batch) break;
      const auto view = BatchView::parse(*batch);
      REQUIRE(view.has_value());
      origin = view->header().origin;
      all.emplace_back(origin.previous.value, origin.last.value);
      window.sent(now);
    }
    return all;
  }
  using Sent = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
  std::optional<ErrorCode> failure() const {
    if (window.state() != State::kFailed) return std::nullopt;
    return window.error()->code;
  }

  PublishWindow window;
  MonoTime now{std::chrono::hours(1)};
  BatchOrigin origin;  // of the last batch sent
};
using Sent = Fixture::Sent;

TEST_CASE("NothingIsSentBeforeTheRegistrationIsAnswered") {
  Fixture f;
  REQUIRE(f.publish().has_value());
  CHECK(f.send().empty());
  const auto requests = f.window.take_requests(f.now);
  REQUIRE(requests.size() == 1);
  CHECK(std::get<Register>(requests[0]).epoch == Epoch{0});
  CHECK(f.window.take_requests(f.now).empty());
  f.registered();
  CHECK(f.send() == Sent{{0, 1}});
}

TEST_CASE("ALoneEventLeavesAtOnceAndLoadMakesBatches") {
  Fixture f;
  f.registered();
  f.publish();
  CHECK(f.send() == Sent{{0, 1}});
  f.publish();
  f.publish();
  CHECK(f.send().empty());  // they gather while something is in flight
  f.acknowledged(1);
  CHECK(f.send() == Sent{{1, 3}});
}

TEST_CASE("AFullBatchDoesNotWaitForWhatIsInFlight") {
  Fixture f;
  f.registered();
  f.publish();
  f.send();
  f.publish_batch();
  CHECK(f.send().size() == 1);
}

TEST_CASE("AFullWindowBlocksUntilAcknowledgementsMakeRoom") {
  Fixture f(10'000);
  f.registered();
  CHECK(*f.publish({}, 4000) == Admission::kTaken);
  f.send();
  CHECK(*f.publish({}, 4000) == Admission::kTaken);
  CHECK(*f.publish({}, 4000) == Admission::kWouldBlock);
  f.acknowledged(1);
  CHECK(*f.publish({}, 4000) == Admission::kTaken);
}

TEST_CASE("AWindowUnlessToldOtherwiseBlocksAtItsDefault") {
  PublishWindow::Options options;
  options.stream = "a";
  auto window = *PublishWindow::make(std::move(options), id_of<InstanceId>('1'));
  for (std::size_t i = 0; i < limits::kWindowBytesMax / limits::kEventBytesMax; ++i)
    REQUIRE(*window.publish(test::large_event(), {}, {}) == Admission::kTaken);
  CHECK(*window.publish(test::large_event(), {}, {}) == Admission::kWouldBlock);
}

TEST_CASE("OneEventLargerThanTheWindowStillGoesAlone") {
  Fixture f(100);
  CHECK(*f.publish({}, 4000) == Admission::kTaken);
  CHECK(*f.publish() == Admission::kWouldBlock);
}

TEST_CASE("AfterATimeoutThatBacksOffOnlyTheFirstBatchIsSentAgain") {
  Fixture f;
  f.registered();
  f.publish();
  f.send();
  f.publish_batch();
  f.publish_batch();
  REQUIRE(f.send().size() == 2);
  f.now += limits::kResendTimeoutMin - milliseconds(1);
  CHECK(f.send(1).empty());
  f.now += milliseconds(1);
  CHECK(f.window.next_due() <= f.now);
  CHECK(f.send() == Sent{{0, 1}});
  f.now += limits::kResendTimeoutMin;
  CHECK(f.send().empty());
  f.now += limits::kResendTimeoutMin;
  CHECK(f.send() == Sent{{0, 1}});
  f.now += limits::kResendTimeoutMax;
  CHECK(f.send() == Sent{{0, 1}});
}

TEST_CASE("WhatFollowsTheBatchSentAgainGoesTooOnceThatIsAcknowledgedAlone") {
  Fixture f;
  f.registered();
  f.publish();
  f.send();
  f.publish_batch();
  f.publish_batch();
  const auto lost = f.send();
  f.now += limits::kResendTimeoutMin;
  REQUIRE(f.send() == Sent{{0, 1}});
  SECTION("alone: the link lost the rest") {
    f.acknowledged(1);
    CHECK(f.send() == lost);
  }
  SECTION("with others: they had arrived") {
    f.acknowledged(lost[0].second);
    CHECK(f.send().empty());
  }
}

TEST_CASE("AResendStartsFromTheBatchThatFollowsItsPosition") {
  Fixture f;
  f.registered();
  f.publish();
  f.send();
  f.publish_batch();
  f.publish_batch();
  const auto sent = f.send();
  f.reply(Resend{kIncarnation, kProducer, {1}, {1}});
  CHECK(f.send() == sent);
  f.reply(Resend{kIncarnation, kProducer, {1}, {sent[0].second}});
  CHECK(f.send() == Sent{sent[1]});
}

TEST_CASE("AStaleResendForEverythingSentKeepsItsTimeout") {
  Fixture f;
  f.registered();
  f.publish();
  f.send();
  f.reply(Resend{kIncarnation, kProducer, {1}, {1}});
  CHECK(f.send().empty());
  f.now += limits::kResendTimeoutMax;
  CHECK(f.send() == Sent{{0, 1}});
}

TEST_CASE("AKeepaliveAheadOfTheAcknowledgementsBringsALostOneBack") {
  Fixture f;
  f.registered();
  f.publish();
  f.send();
  f.reply(Alive{kProducer, {1}, {0}});
  CHECK(f.send().empty());
  f.reply(Alive{kProducer, {1}, {1}});
  CHECK(f.send() == Sent{{0, 1}});
  f.acknowledged(1, 0);
  CHECK(f.window.empty());
}

TEST_CASE("FullHoldsEverythingAfterItsPositionAndTriesAgain") {
  Fixture f;
  f.registered();
  f.publish();
  f.send();
  f.reply(Full{kProducer, {1}, {0}, "no room"});
  CHECK(f.window.state() == State::kHolding);
  CHECK(f.window.error()->code == ErrorCode::kFull);
  CHECK(f.send().empty());
  f.now += limits::kFullRetryInterval;
  CHECK(f.send() == Sent{{0, 1}});
  CHECK(f.window.state() == State::kActive);
  f.acknowledged(1);
  CHECK_FALSE(f.window.error().has_value());
}

TEST_CASE("FencedIsFinal") {
  Fixture f;
  f.registered();
  f.publish();
  f.send();
  SECTION("by an answer to a keep-alive") { f.reply(ErrorReply{ErrorCode::kFenced, "taken over"}); }
  SECTION("by a refusal") { f.reply(Refused{kProducer, {1}, ErrorCode::kFenced, "taken over"}); }
  SECTION("by being given another epoch") { f.registered(0, 3); }
  CHECK(f.failure() == ErrorCode::kFenced);
  CHECK_FALSE(f.publish().has_value());
  CHECK(f.send().empty());
  CHECK(f.window.take_requests(f.now).empty());
  CHECK_FALSE(f.window.empty());  // it says what did not get through
  CHECK_FALSE(f.window.goodbye().has_value());
  f.registered();
  CHECK(f.failure() == ErrorCode::kFenced);
}

TEST_CASE("RefusalsOfAnEarlierEpochAreNotMeantForIt") {
  Fixture f;
  f.registered(0, 2);
  f.reply(Refused{kProducer, {1}, ErrorCode::kBadSequence, "old"});
  f.reply(Full{kProducer, {1}, {0}, "old"});
  f.reply(Acknowledged{kIncarnation, kProducer, {1}, {9}, {9}, {1}});
  CHECK(f.window.state() == State::kActive);
  CHECK(f.window.acknowledged().position == ProducerSequence{0});
}

TEST_CASE("UnregisteredRegistersAgainWithTheEpochItHad") {
  Fixture f;
  static_cast<void>(f.window.take_requests(f.now));
  f.registered();
  f.reply(Refused{kProducer, {1}, ErrorCode::kUnregistered, "who?"});
  CHECK(f.window.state() == State::kRegistering);
  const auto requests = f.window.take_requests(f.now);
  REQUIRE(requests.size() == 1);
  CHECK(std::get<Register>(requests[0]).epoch == Epoch{1});
}

TEST_CASE("ANewBootRegistersAndThenSendsTheWholeWindowAgainInOrder") {
  Fixture f;
  f.registered();
  f.publish();
  f.send();
  f.publish_batch();
  f.publish_batch();
  const auto rest = f.send();
  f.reply(Alive{kProducer, {1}, {0}}, kNextBoot);
  CHECK(f.window.state() == State::kRegistering);
  CHECK(f.send().empty());
  SECTION("nothing had been committed") {
    f.registered(0, 1, kNextBoot);
    CHECK(f.send() == Sent{{0, 1}, rest[0], rest[1]});
  }
  SECTION("the first had been") {
    f.registered(1, 1, kNextBoot);
    CHECK(f.window.acknowledged().events == 1);
    CHECK(f.send() == rest);
  }
}

TEST_CASE("AnApplicationsOwnNumbersAreKeptAndMustIncrease") {
  Fixture f;
  f.registered(100);
  CHECK(f.publish(100).error().code == ErrorCode::kBadSequence);
  REQUIRE(f.publish(150).has_value());
  REQUIRE(f.publish(900).has_value());
  CHECK(f.publish(900).error().code == ErrorCode::kBadSequence);
  CHECK(f.send() == Sent{{100, 900}});
  CHECK(f.publish(900).error().code == ErrorCode::kBadSequence);
  REQUIRE(f.publish(901).has_value());
}

TEST_CASE("NumberedAndUnnumberedEventsDoNotMix") {
  Fixture f;
  REQUIRE(f.publish(5).has_value());
  CHECK(f.publish().error().code == ErrorCode::kBadInput);
  Fixture counted;
  REQUIRE(counted.publish().has_value());
  CHECK(counted.publish(5).error().code == ErrorCode::kBadInput);
}

TEST_CASE("EventsNumberedBeforeTheRegistrationMustLieAfterItsPosition") {
  Fixture f;
  REQUIRE(f.publish(50).has_value());
  REQUIRE(f.publish(150).has_value());
  f.registered(100);  // within the open batch
  CHECK(f.failure() == ErrorCode::kBadSequence);
  Fixture ahead;
  REQUIRE(ahead.publish(101).has_value());
  ahead.registered(100);
  CHECK(ahead.send() == Sent{{100, 101}});
}

TEST_CASE("CountedEventsTakenBeforeTheRegistrationAreNumberedFromItsPosition") {
  Fixture f;
  f.publish();
  f.publish();
  f.registered(40);
  CHECK(f.send() == Sent{{40, 42}});
}

TEST_CASE("AForgottenProducerGoesOnIfItHadSentNothingAndFailsIfItHad") {
  Fixture f;
  f.registered();
  f.publish();
  SECTION("nothing sent") {
    f.registered(0, 1, kNextBoot, ProducerId{8});
    CHECK(f.send() == Sent{{0, 1}});
    CHECK(f.origin.producer == ProducerId{8});
  }
  SECTION("a batch sent, which may or may not be in the log") {
    f.send();
    f.registered(0, 1, kNextBoot, ProducerId{8});
    CHECK(f.failure() == ErrorCode::kUnregistered);
  }
}

TEST_CASE("ANamedProducerThatTheLogForgotAfterItAcknowledgedIsDiverged") {
  Fixture f;
  f.registered();
  f.publish();
  f.send();
  f.acknowledged(1);
  f.registered(0, 1, kNextBoot, ProducerId{8});  // an older copy, from before it was registered
  CHECK(f.failure() == ErrorCode::kDiverged);
}

TEST_CASE("ALogThatLacksWhatItAcknowledgedIsDiverged") {
  Fixture f;
  f.registered();
  f.publish();
  f.send();
  f.acknowledged(1);
  SECTION("position lower") { f.registered(0, 1, kNextBoot); }
  SECTION("another producer of another incarnation") {
    f.registered(0, 1, kNextBoot, ProducerId{8}, id_of<Incarnation>('B'));
  }
  CHECK(f.failure() == ErrorCode::kDiverged);
}

TEST_CASE("ALogWhoseEpochWentBackIsDivergedRatherThanAskedForEver") {
  Fixture f;
  f.registered(0, 3);
  f.registered(0, 2, kNextBoot);
  CHECK(f.failure() == ErrorCode::kDiverged);
}

TEST_CASE("ARepairedLogThatKeptTheProducerIsPublishedToUnderItsNewIncarnation") {
  Fixture f;
  f.registered();
  f.publish();
  f.send();
  f.registered(0, 1, kNextBoot, kProducer, id_of<Incarnation>('B'));
  CHECK(f.send() == Sent{{0, 1}});
  CHECK(f.origin.incarnation == id_of<Incarnation>('B'));
}

TEST_CASE("ABusyOrFullSidecarIsAskedAgainForTheRegistration") {
  Fixture f;
  static_cast<void>(f.window.take_requests(f.now));
  const auto code = GENERATE(ErrorCode::kFull, ErrorCode::kUnavailable);
  f.reply(ErrorReply{code, "later"});
  CHECK(f.window.state() == State::kRegistering);
  CHECK(f.window.take_requests(f.now).empty());
  f.now += limits::kFullRetryInterval;
  CHECK(f.window.take_requests(f.now).size() == 1);
}

TEST_CASE("AStreamThatIsNotThereIsFinal") {
  Fixture f;
  f.reply(ErrorReply{ErrorCode::kNotFound, "no stream"});
  CHECK(f.failure() == ErrorCode::kNotFound);
}

TEST_CASE("AnUnsoundEventIsRefusedAloneAndTheRestGoesOn") {
  Fixture f;
  f.registered();
  CHECK(f.window.publish(Event{}, {}, {}).error().code == ErrorCode::kBadInput);
  REQUIRE(f.publish().has_value());
  CHECK(f.send() == Sent{{0, 1}});
}

}  // namespace
}  // namespace forebay
