#include "sidecar/ingest.h"

#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "tests/support/ingest_fixture.h"

namespace forebay {
namespace {

using std::chrono::seconds;
using test::id_of;
using test::IngestFixture;
using test::kIncarnation;
using test::kMine;
using test::kOtherIncarnation;
using test::kPeer;
using test::kTheirs;
using test::make_batch;

// the rules of docs/protocol.md section 4, in order

TEST_CASE("ABatchThatFollowsIsTakenAndAcknowledgedOnlyOnceCommitted") {
  IngestFixture f;
  const auto me = f.registered();
  f.send(me, 0, 3);
  f.send(me, 3, 5);
  CHECK(f.silent());
  f.commit();
  const auto acknowledged = f.only<Acknowledged>();
  REQUIRE(acknowledged);
  CHECK(acknowledged->position == ProducerSequence{5});
  CHECK(acknowledged->sequence == Sequence{2});
  CHECK(acknowledged->first == Sequence{1});
  CHECK(acknowledged->incarnation == kIncarnation);
}

TEST_CASE("AStreamThatRefusesSaysFullOnceForEachAttemptAndLosesNothing") {
  IngestFixture f;
  const auto me = f.registered();
  f.send(me, 0, 1);
  f.commit();
  REQUIRE(f.only<Acknowledged>());
  f.holds.refuse({0}, true);
  for (int attempt = 0; attempt < 2; ++attempt) {
    f.send(me, 1, 2);
    f.send(me, 2, 3);
    const auto full = f.only<Full>();
    REQUIRE(full);
    CHECK(full->position == ProducerSequence{1});
  }
  CHECK(f.queued() == 0);
  f.holds.refuse({0}, false);
  f.send(me, 1, 2);
  f.send(me, 2, 3);
  f.commit();
  CHECK(f.only<Acknowledged>()->position == ProducerSequence{3});
}

TEST_CASE("ABatchOfAnIncarnationThatIsOfNoStreamIsDiverged") {
  IngestFixture f;
  const auto me = f.registered();
  f.send(me, 0, 1, id_of<Incarnation>('Z'));
  const auto refused = f.only<Refused>();
  REQUIRE(refused);
  CHECK(refused->code == ErrorCode::kDiverged);
  CHECK(f.queued() == 0);
}

TEST_CASE("ABatchOfAnUnknownProducerAnotherStreamOrAHigherEpochIsUnregistered") {
  IngestFixture f;
  auto me = f.registered();
  SECTION("unknown, which nobody can be told") {
    ++me.producer.value;
    f.send(me, 0, 1);
    CHECK(f.silent());
  }
  SECTION("of another stream") {
    f.send(me, 0, 1, kOtherIncarnation);
    CHECK(f.only<Refused>()->code == ErrorCode::kUnregistered);
  }
  SECTION("higher epoch") {
    ++me.epoch.value;
    f.send(me, 0, 1);
    CHECK(f.silent());
  }
  CHECK(f.queued() == 0);
  CHECK(f.ingest.counters().refused.at("unregistered") == 1);
}

TEST_CASE("ABatchOfALowerEpochIsFencedFromTheMomentOfTheNewRegistration") {
  IngestFixture f;
  const auto old = f.registered(kMine);
  f.ingest.on_register(kPeer, {"a", kTheirs, "wms", 0, {}});
  f.send(old, 0, 1);  // before the registration is committed
  CHECK(f.ingest.counters().refused.at("fenced") == 1);
  CHECK(f.queued() == 1);  // the registration alone
}

TEST_CASE("ABatchAtOrBelowTheRegisteredStartIsABadSequence") {
  IngestFixture f;
  f.send(f.registered(kMine), 0, 4);
  f.commit();
  const auto next = f.registered(kTheirs);
  CHECK(next.start == ProducerSequence{4});
  static_cast<void>(f.ingest.take_outgoing());
  f.send(next, 0, 4);
  CHECK(f.only<Refused>()->code == ErrorCode::kBadSequence);
}

TEST_CASE("ABatchThatIsCommittedIsAcknowledgedAgainAtOnce") {
  IngestFixture f;
  const auto me = f.registered();
  f.send(me, 0, 3);
  f.commit();
  static_cast<void>(f.ingest.take_outgoing());
  f.send(me, 0, 3);
  const auto again = f.only<Acknowledged>();
  REQUIRE(again);
  CHECK(again->position == ProducerSequence{3});
  CHECK(again->first == Sequence{0});
  CHECK(f.queued() == 0);
}

TEST_CASE("ABatchThatIsIngestedButNotCommittedIsDroppedWithoutAnAcknowledgement") {
  IngestFixture f;
  const auto me = f.registered();
  f.send(me, 0, 3);
  f.send(me, 0, 3);
  CHECK(f.silent());
  CHECK(f.queued() == 1);
  CHECK(f.ingest.counters().duplicates == 1);
}

TEST_CASE("AMissingBatchIsAskedForOnceUntilTheChainMovesOn") {
  IngestFixture f;
  const auto me = f.registered();
  f.send(me, 3, 5);
  const auto resend = f.only<Resend>();
  REQUIRE(resend);
  CHECK(resend->position == ProducerSequence{0});
  f.send(me, 5, 6);
  CHECK(f.silent());
  f.send(me, 0, 3);
  f.send(me, 5, 6);
  CHECK(f.only<Resend>()->position == ProducerSequence{3});
  CHECK(f.queued() == 1);
}

TEST_CASE("ABatchThatOverlapsWhatWasTakenIsABadSequence") {
  IngestFixture f;
  const auto me = f.registered();
  f.send(me, 0, 3);
  f.send(me, 2, 5);
  CHECK(f.only<Refused>()->code == ErrorCode::kBadSequence);
  CHECK(f.queued() == 1);
}

TEST_CASE("GapsInAProducersNumbersAreFine") {
  IngestFixture f;
  const auto me = f.registered();
  f.send(me, 0, 4711);
  f.send(me, 4711, 9000);
  CHECK(f.queued() == 2);
}

TEST_CASE("MalformedBatchesAndGapRecordsAreCountedAndDropped") {
  IngestFixture f;
  const auto me = f.registered();
  std::string batch = make_batch({kIncarnation, me.producer, me.epoch, {0}, {1}});
  batch.back() = static_cast<char>(batch.back() ^ 1);
  f.ingest.on_batch(Message(std::string_view(batch)));
  f.ingest.on_batch(Message(std::string_view("not a batch")));
  f.ingest.on_batch(Message());
  CHECK(f.ingest.counters().refused.at("corruption") == 3);
  f.ingest.on_batch(Message(std::string_view(make_gap_record(kIncarnation, 3, "none"))));
  CHECK(f.ingest.counters().refused.at("bad_input") == 1);
  CHECK(f.queued() == 0);
}

// registration

TEST_CASE("TheSameInstanceIsGivenTheSameEpochAndStartAndThePositionOfNow") {
  IngestFixture f;
  const auto first = f.registered();
  CHECK(first.epoch == Epoch{1});
  f.send(first, 0, 3);
  const auto again = f.registered();
  CHECK(again.producer == first.producer);
  CHECK(again.epoch == first.epoch);
  CHECK(again.start == ProducerSequence{0});
  CHECK(again.position == ProducerSequence{3});
}

TEST_CASE("AnotherInstanceStartsBehindWhatWasQueuedBeforeIt") {
  IngestFixture f;
  const auto first = f.registered(kMine);
  f.send(first, 0, 3);
  const auto second = f.registered(kTheirs);
  CHECK(second.producer == first.producer);
  CHECK(second.epoch == Epoch{2});
  CHECK(second.start == ProducerSequence{3});
}

TEST_CASE("AnInstanceThatWasTakenOverFromDoesNotTakeOverInTurn") {
  IngestFixture f;
  const auto first = f.registered(kMine);
  const auto second = f.registered(kTheirs);
  static_cast<void>(f.ingest.take_outgoing());
  f.ingest.on_register(kPeer, {"a", kMine, "wms", 0, first.epoch});
  CHECK(f.only<ErrorReply>()->code == ErrorCode::kFenced);
  CHECK(f.queued() == 0);
  f.send(second, 0, 1);
  CHECK(f.queued() == 1);
}

TEST_CASE("ANameOnAnotherStreamOrAnotherFileIsAnotherProducer") {
  IngestFixture f;
  const auto here = f.registered();
  f.ingest.on_register(kPeer, {"b", kMine, "wms", 0, {}});
  const auto there = f.commit().front();
  f.ingest.on_register(kPeer, {"a", kMine, "wms", 9, {}});
  const auto other_file = f.commit().front();
  CHECK(there.producer != here.producer);
  CHECK(other_file.producer != here.producer);
  CHECK(other_file.producer != there.producer);
}

TEST_CASE("ARegistrationThatCannotBeIsAnswered") {
  IngestFixture f;
  f.ingest.on_register(kPeer, {"nowhere", kMine, "wms", 0, {}});
  CHECK(f.only<ErrorReply>()->code == ErrorCode::kNotFound);
  f.ingest.on_register(kPeer, {"a", {}, "wms", 0, {}});
  CHECK(f.only<ErrorReply>()->code == ErrorCode::kBadInput);
  f.ingest.on_register(kPeer, {"a", kMine, "No Name", 0, {}});
  CHECK(f.only<ErrorReply>()->code == ErrorCode::kBadInput);
}

TEST_CASE("AcknowledgementsGoWhereTheProducerWasHeardLast") {
  IngestFixture f;
  const auto me = f.registered();
  f.ingest.on_keepalive({"elsewhere", 9}, {{me.producer, me.epoch, kMine}});
  const auto alive = f.ingest.take_outgoing();
  REQUIRE(alive.size() == 1);
  CHECK(alive[0].peer.request == 9);
  f.send(me, 0, 1);
  f.commit();
  CHECK(f.ingest.take_outgoing().at(0).peer.route == "elsewhere");
}

TEST_CASE("AKeepaliveTellsAFencedOrForgottenProducer") {
  IngestFixture f;
  const auto old = f.registered(kMine);
  f.registered(kTheirs);
  f.ingest.on_keepalive(kPeer, {{old.producer, old.epoch, kMine}});
  CHECK(f.only<ErrorReply>()->code == ErrorCode::kFenced);
  f.ingest.on_keepalive(kPeer, {{{12345}, {1}, kMine}});
  CHECK(f.only<ErrorReply>()->code == ErrorCode::kUnregistered);
}

// full

TEST_CASE("FullGoesBackToWhatIsCommittedAndTellsWhoLostSomething") {
  IngestFixture f;
  const auto me = f.registered(kMine, "one");
  const auto idle = f.registered(kMine, "two");
  f.send(me, 0, 3);
  f.commit();
  static_cast<void>(f.ingest.take_outgoing());
  f.send(me, 3, 5);
  CommitOutcome full;
  full.full = true;
  full.full_message = "no room";
  f.ingest.on_outcome(full);
  const auto told = f.only<Full>();
  REQUIRE(told);
  CHECK(told->producer == me.producer);
  CHECK(told->position == ProducerSequence{3});
  CHECK(f.queued() == 0);
  f.send(me, 5, 6);
  CHECK(f.only<Resend>()->position == ProducerSequence{3});
  f.send(me, 3, 5);
  CHECK(f.queued() == 1);
}

TEST_CASE("ARegistrationThatIsDiscardedNeitherFencesNorIsRemembered") {
  IngestFixture f;
  const auto me = f.registered(kMine);
  f.ingest.on_register({"new", 1}, {"a", kTheirs, "wms", 0, {}});
  f.ingest.on_register({"newer", 2}, {"a", kTheirs, "another", 0, {}});
  CommitOutcome full;
  full.full = true;
  f.ingest.on_outcome(full);
  const auto answers = f.ingest.take_outgoing();
  REQUIRE(answers.size() == 2);  // those that were not handed over yet
  CHECK(std::get<ErrorReply>(answers[0].reply).code == ErrorCode::kFull);
  CHECK(f.ingest.producers().size() == 1);
  f.send(me, 0, 1);
  CHECK(f.queued() == 1);
}

// those without a name, and liveness

TEST_CASE("GoodbyeForgetsAnAnonymousProducerAndKeepsANamedOne") {
  IngestFixture f;
  const auto anonymous = f.registered(kMine, "");
  const auto named = f.registered(kMine, "wms");
  f.ingest.on_goodbye({{anonymous.producer, anonymous.epoch, kMine}});
  f.ingest.on_goodbye({{named.producer, named.epoch, kMine}});
  CHECK(f.queued() == 2);
  REQUIRE(f.ingest.producers().size() == 1);
  CHECK(f.ingest.producers()[0].departed);
  CHECK(f.ingest.liveness()[0].empty());
  CHECK(f.registered(kMine, "wms").producer == named.producer);
  CHECK(f.ingest.liveness()[0].size() == 1);
}

TEST_CASE("AGoodbyeOfAFencedInstanceChangesNothing") {
  IngestFixture f;
  const auto old = f.registered(kMine);
  f.registered(kTheirs);
  f.ingest.on_goodbye({{old.producer, old.epoch, kMine}});
  CHECK(f.queued() == 0);
  CHECK_FALSE(f.ingest.producers()[0].departed);
}

TEST_CASE("AboveTheirCountTheIdlestAnonymousProducerGoesButNeverOneWithABatchUnderWay") {
  IngestFixture f;
  std::vector<Registered> all;
  for (std::size_t i = 0; i < limits::kAnonymousProducersMax; ++i) {
    InstanceId instance = InstanceId::random();
    all.push_back(f.registered(instance, ""));
    f.clock.advance(std::chrono::milliseconds(1));
  }
  f.send(all[0], 0, 1);  // the idlest by registration, but under way
  f.clock.advance(std::chrono::milliseconds(1));
  f.ingest.on_register(kPeer, {"a", kMine, "", 0, {}});
  const auto work = f.ingest.take_work();
  REQUIRE(work.size() == 3);
  CHECK(std::get<DepartWork>(work[1]).id == all[1].producer);
  CHECK(f.ingest.producers().size() == limits::kAnonymousProducersMax);
}

TEST_CASE("AboveTheirCountANamedProducerIsRefusedAndNoneIsForgotten") {
  IngestFixture f;
  for (std::size_t i = 0; i < limits::kProducersMax; ++i)
    f.ingest.on_register(kPeer, {"a", InstanceId::random(), "p" + std::to_string(i), 0, {}});
  f.commit();
  CHECK(f.ingest.take_outgoing().empty());
  f.ingest.on_register(kPeer, {"a", kMine, "another", 0, {}});
  const auto refused = f.ingest.take_outgoing();
  REQUIRE(refused.size() == 1);
  CHECK(std::get<ErrorReply>(refused[0].reply).code == ErrorCode::kFull);
  CHECK(f.ingest.take_work().empty());
  f.ingest.on_register(kPeer, {"a", kMine, "p7", 0, {}});
  f.ingest.on_register(kPeer, {"a", kTheirs, "", 0, {}});
  CHECK(f.ingest.take_work().size() == 2);
  CHECK(f.ingest.producers().size() == limits::kProducersMax + 1);
}

TEST_CASE("LivenessLeavesOutAnonymousProducersThatWereSilentForLongAndKeepsNamedOnes") {
  IngestFixture f;
  f.registered(kMine, "");
  f.registered(kMine, "wms");
  CHECK(f.ingest.liveness()[0].size() == 2);
  CHECK(f.ingest.liveness()[1].empty());
  f.clock.advance(limits::kAnonymousSilenceMax + seconds(1));
  CHECK(f.ingest.liveness()[0].size() == 1);
}

TEST_CASE("ProducersFoundInTheLogGoOnWhereTheyWere") {
  ManualClock clock;
  ProducerRecord record;
  record.instance = kMine;
  record.epoch = {4};
  record.start = {10};
  record.position = {20};
  record.sequence = {8};
  record.stream = "a";
  record.name = "wms";
  ProducerRecord of_no_stream = record;
  of_no_stream.stream = "gone";
  const Holds holds(1);
  Ingest ingest(clock, holds, {{"a", kIncarnation}}, {{{7}, record}, {{8}, of_no_stream}});
  CHECK(ingest.producers().size() == 1);
  ingest.on_register(kPeer, {"a", kMine, "wms", 0, {4}});
  const auto registration = std::get<RegisterWork>(ingest.take_work().at(0));
  CHECK(registration.id == ProducerId{7});
  CHECK(registration.epoch == Epoch{4});
  ingest.on_batch(Message(std::string_view(make_batch({kIncarnation, {7}, {4}, {15}, {20}}))));
  CHECK(std::get<Acknowledged>(ingest.take_outgoing().at(0).reply).position ==
        ProducerSequence{20});
}

}  // namespace
}  // namespace forebay
