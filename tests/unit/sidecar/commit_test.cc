#include "sidecar/commit.h"

#include <catch2/catch.hpp>

#include "tests/support/damaged_log.h"
#include "tests/support/made_batches.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

using test::id_of;

const InstanceId kOurs = id_of<InstanceId>('1');
const InstanceId kOthers = id_of<InstanceId>('2');

struct CommitFixture {
  test::TempDir dir;
  ManualClock clock;
  std::unique_ptr<Log> log =
      std::move(*Log::open({dir / "log", {"a", "b"}, std::uint64_t{12} << 20}));
  Holds holds{2};
  Trimmer trimmer{*log, clock, holds, {}};
  Committer committer{*log, clock, holds, trimmer};

  /// More than the log may take.
  static std::vector<Work> too_much() {
    std::vector<Work> work;
    for (std::uint64_t i = 0; i < 12; ++i) {  // 12 MiB
      const std::string bytes(1 << 20, 'x');
      work.push_back(BatchWork{{0}, {}, Message(std::string_view(bytes))});
    }
    return work;
  }
  template <class... Items>
  CommitOutcome commit(Items... items) {
    std::vector<Work> work;
    (work.push_back(std::move(items)), ...);
    auto outcome = committer.commit(std::move(work));
    REQUIRE(outcome.has_value());
    return std::move(*outcome);
  }
  RegisterWork registration(std::uint64_t id, std::uint32_t epoch = 1,
                            const InstanceId& instance = kOurs, const std::string& name = "wms",
                            std::size_t stream = 0) const {
    return {{"peer", id}, {stream}, {id}, {epoch}, instance, name, 0};
  }
  BatchWork batch(std::uint64_t id, std::uint64_t previous, std::uint64_t last,
                  std::size_t stream = 0, std::size_t bytes = 1) const {
    const BatchOrigin origin{log->stream({stream}).incarnation, {id}, {1}, {previous}, {last}};
    return {{stream},
            origin,
            Message(std::string_view(test::make_batch(
                origin, static_cast<std::uint32_t>(last - previous), std::string(bytes, 'x'))))};
  }
};

TEST_CASE("OneTransactionTakesBatchesOfSeveralStreamsAndProducers") {
  CommitFixture f;
  f.commit(f.registration(1), f.registration(2, 1, kOurs, "other", 1));
  const auto outcome = f.commit(f.batch(1, 0, 3), f.batch(2, 0, 2, 1), f.batch(1, 3, 4));
  CHECK(f.log->stream({0}).head() == Sequence{4});
  CHECK(f.log->stream({1}).head() == Sequence{2});
  REQUIRE(outcome.positions.size() == 2);
  CHECK(outcome.positions[0].position == ProducerSequence{4});
  CHECK(outcome.positions[0].sequence == Sequence{4});
  CHECK(outcome.positions[0].first == Sequence{1});
  CHECK(outcome.positions[1].sequence == Sequence{2});
  REQUIRE(outcome.batches.size() == 3);
  CHECK(outcome.batches[2].header.first() == Sequence{4});
  CHECK(BatchView::parse(outcome.batches[2].message.view()).has_value());
}

TEST_CASE("WhatIsTrimmedGoesWithTheCommitAndIsToldOfInItsOutcome") {
  CommitFixture f;
  f.commit(f.registration(1), f.batch(1, 0, 3));
  Trimmer keeps_nothing{*f.log, f.clock, f.holds, {{{}, 0}, {}}};
  Committer committer{*f.log, f.clock, f.holds, keeps_nothing};
  std::vector<Work> work;
  work.push_back(f.batch(1, 3, 5));
  const auto outcome = committer.commit(std::move(work));
  REQUIRE(outcome.has_value());
  CHECK(outcome->trimmed == std::vector<TrimmedStream>{{{0}, {4}}});
  CHECK(f.log->stream({0}).oldest == Sequence{4});
  CHECK(f.log->stream({0}).head() == Sequence{5});
}

TEST_CASE("ADamagedPageWhereRetentionWouldTrimStopsNeitherCommitsNorTheOtherStreams") {
  CommitFixture f;
  f.commit(f.registration(1), f.registration(2, 1, kOurs, "other", 1), f.batch(2, 0, 3, 1),
           f.batch(1, 0, 1, 0, 4000), f.batch(1, 1, 2));
  f.log.reset();
  test::lose_value(f.dir / "log/data.mdb", 1);
  f.log = std::move(*Log::open({f.dir / "log", {"a", "b"}, std::uint64_t{12} << 20}));
  Trimmer keeps_nothing{*f.log, f.clock, f.holds, {{{}, 0, true}, {{}, 0}}};
  Committer committer{*f.log, f.clock, f.holds, keeps_nothing};
  std::vector<Work> work;
  work.push_back(f.batch(1, 2, 3));
  work.push_back(f.batch(2, 3, 4, 1));
  const auto outcome = committer.commit(std::move(work));
  REQUIRE(outcome.has_value());
  REQUIRE(outcome->batches.size() == 2);
  CHECK(BatchView::parse(outcome->batches[0].message.view()).has_value());
  CHECK(outcome->batches[1].header.first() == Sequence{4});
  CHECK(outcome->trimmed == std::vector<TrimmedStream>{{{1}, {4}}});
  CHECK(f.log->stream({0}).head() == Sequence{3});
  CHECK(f.log->stream({0}).oldest == Sequence{1});
  CHECK(f.holds.refusing({0}));  // larger than it may be, and nothing can go
}

TEST_CASE("ARegistrationIsAnsweredWithThePositionsOfItsTransaction") {
  CommitFixture f;
  f.commit(f.registration(1));
  const auto outcome = f.commit(f.batch(1, 0, 3), f.registration(1, 2, kOthers));
  REQUIRE(outcome.answers.size() == 1);
  const auto& answer = std::get<Registered>(outcome.answers[0].reply);
  CHECK(answer.epoch == Epoch{2});
  CHECK(answer.start == ProducerSequence{3});
  CHECK(answer.position == ProducerSequence{3});
  CHECK(answer.sequence == Sequence{3});
  CHECK(answer.incarnation == f.log->stream({0}).incarnation);
  CHECK(f.log->snapshot().producers()->front().second.epoch == Epoch{2});
}

TEST_CASE("OfTwoInstancesThatRegisterInOneTransactionOnlyTheLaterIsGivenTheEpoch") {
  CommitFixture f;
  const auto outcome = f.commit(f.registration(1, 1, kOurs), f.registration(1, 2, kOthers));
  REQUIRE(outcome.answers.size() == 2);
  CHECK(std::get<ErrorReply>(outcome.answers[0].reply).code == ErrorCode::kUnavailable);
  CHECK(std::get<Registered>(outcome.answers[1].reply).epoch == Epoch{2});
}

SubscribeWork subscription(const std::string& consumer) {
  return {{"peer", 1}, {0}, Subscribe{"a", consumer, "latest", 0, {}, {}}, {}};
}

ForgetWork forgetting(const std::string& consumer) {
  ForgetWork work;
  work.stream = StreamIndex{0};
  work.key = {"a", consumer};
  return work;
}

TEST_CASE("ARegistrationHoldsRetentionWithItsOwnCommit") {
  CommitFixture f;
  f.commit(f.registration(1), f.batch(1, 0, 3));
  f.commit(subscription("c"));
  REQUIRE(f.holds.last({0}));
  CHECK(f.holds.last({0})->cursor == Sequence{3});
}

TEST_CASE("AForgottenConsumerHoldsNothingAndNoLateReportBringsItBack") {
  CommitFixture f;
  f.commit(subscription("c"), subscription("d"));
  const ConsumerKey key{"a", "c"};
  const auto outcome = f.commit(forgetting("c"), CursorWork{key, {}});
  CHECK(std::get<Forgotten>(outcome.answers.at(0).reply).consumer == "c");
  CHECK(outcome.forgotten == std::vector<ConsumerKey>{key});
  CHECK(f.holds.last({0})->consumer == "d");
  CHECK(f.log->snapshot().consumers()->size() == 1);
  SECTION("but by registering it is back, and holds") {
    f.commit(forgetting("c"), subscription("c"));
    CHECK(f.log->snapshot().consumers()->size() == 2);
    CHECK(f.holds.last({0})->consumer == "c");
  }
}

TEST_CASE("AConsumerIsForgottenAlsoWhereThereIsNoRoomForAnythingElse") {
  CommitFixture f;
  f.commit(f.registration(1), subscription("c"));
  std::vector<Work> work;
  // More than the log may ever take.
  for (std::uint64_t i = 0; i < 16; ++i) {
    const BatchOrigin origin{f.log->stream({0}).incarnation, {1}, {1}, {i}, {i + 1}};
    const std::string subject(900, 'x');
    work.emplace_back(
        BatchWork{{0}, origin, Message(std::string_view(test::make_batch(origin, 1000, subject)))});
  }
  work.emplace_back(forgetting("c"));
  const auto outcome = f.committer.commit(std::move(work));
  REQUIRE(outcome.has_value());
  CHECK(outcome->full);
  CHECK(outcome->forgotten.size() == 1);
  CHECK(f.log->stream({0}).head() == Sequence{0});
  CHECK(f.log->snapshot().consumers()->empty());
}

TEST_CASE("GoodbyeErasesAnAnonymousProducerAndMarksANamedOne") {
  CommitFixture f;
  f.commit(f.registration(1, 1, kOurs, ""), f.registration(2));
  f.commit(DepartWork{{1}}, DepartWork{{2}});
  const auto producers = f.log->snapshot().producers();
  REQUIRE(producers->size() == 1);
  CHECK(producers->front().second.departed);
  f.commit(f.registration(2));
  CHECK_FALSE(f.log->snapshot().producers()->front().second.departed);
}

TEST_CASE("AProducerThatRegistersAndLeavesInOneTransactionIsNotAnswered") {
  CommitFixture f;
  const auto outcome = f.commit(f.registration(1, 1, kOurs, ""), DepartWork{{1}});
  CHECK(outcome.answers.empty());
  CHECK(outcome.registered.empty());
  CHECK(f.log->snapshot().producers()->empty());
}

TEST_CASE("AStartIsResolvedAtItsPlaceInTheQueue") {
  CommitFixture f;
  f.commit(f.registration(1), f.batch(1, 0, 3));
  f.clock.advance(std::chrono::seconds(10));
  const auto start_of = [&](Subscribe request) {
    auto outcome =
        f.commit(SubscribeWork{{"peer", 1}, {0}, std::move(request), {}}, f.batch(1, 3, 5));
    return std::get<Subscribed>(outcome.answers.at(0).reply);
  };
  SECTION("latest") {
    const auto answer = start_of({"a", "c", "latest", 0, {}, {}});
    CHECK(answer.start == Sequence{3});
    CHECK(answer.head == Sequence{3});
  }
  SECTION("earliest") { CHECK(start_of({"a", "c", "earliest", 0, {}, {}}).start == Sequence{0}); }
  SECTION("time, after all there is") {
    CHECK(start_of({"a", "c", "time", unix_ns(f.clock.wall()), {}, {}}).start == Sequence{3});
  }
  SECTION("time, before all there is") {
    CHECK(start_of({"a", "c", "time", 0, {}, {}}).start == Sequence{0});
  }
  SECTION("cursor") {
    const auto answer = start_of({"a", "c", "cursor", 0, id_of<Incarnation>('X'), {2}});
    CHECK(answer.start == Sequence{2});
    CHECK(answer.incarnation == f.log->stream({0}).incarnation);
    CHECK(answer.shared == Sequence{0});
  }
  const auto consumers = f.log->snapshot().consumers();
  REQUIRE(consumers->size() == 1);
  CHECK(consumers->front().first == ConsumerKey{"a", "c"});
}

TEST_CASE("AConsumerOfALogThatThisOneWasMadeOfIsToldWhereTheyParted") {
  CommitFixture f;
  f.commit(f.registration(1), f.batch(1, 0, 3));
  const auto before = id_of<Incarnation>('X');
  {
    auto transaction = f.log->begin();
    transaction.set_ancestors({0}, {{before, {2}}});
    REQUIRE(transaction.commit().has_value());
  }
  const auto outcome =
      f.commit(SubscribeWork{{"peer", 1}, {0}, {"a", "c", "cursor", 0, before, {9}}, {}});
  CHECK(std::get<Subscribed>(outcome.answers.at(0).reply).shared == Sequence{2});
  CHECK(f.holds.last({0})->cursor == Sequence{2});  // of this log it has read no more
}

TEST_CASE("AConsumerOfALogThatWasRolledBackHoldsAllThatItMayNotHaveReadUntilItGoesBackToo") {
  CommitFixture f;
  f.commit(f.registration(1), f.batch(1, 0, 3));
  const Incarnation incarnation = f.log->stream({0}).incarnation;
  const auto held = [&](std::uint64_t cursor, const ConsumerRecord& known) {
    f.commit(
        SubscribeWork{{"peer", 1}, {0}, {"a", "c", "cursor", 0, incarnation, {cursor}}, known});
    return f.holds.last({0})->cursor.value;
  };
  const ConsumerRecord diverged{incarnation, {0}, {2}, 0, 0, {}, true};
  CHECK(held(3, {incarnation, {0}, {3}, 0, 0, {}}) == 3);
  CHECK(held(9, {incarnation, {0}, {9}, 0, 0, {}}) == 0);  // past the head
  CHECK(held(2, diverged) == 0);
  CHECK(f.log->snapshot().consumers()->at(0).second.rolled_back);
  CHECK(held(1, diverged) == 1);  // adopted
  CHECK_FALSE(f.log->snapshot().consumers()->at(0).second.rolled_back);
}

TEST_CASE("WhetherTheLogIsTheOneThatAConsumerReadIsSeenAsItRegisters") {
  CommitFixture f;
  f.commit(f.registration(1));
  const std::uint64_t first = f.commit(f.batch(1, 0, 3)).batches[0].header.checksum;
  const std::uint64_t second = f.commit(f.batch(1, 3, 5)).batches[0].header.checksum;
  const Incarnation incarnation = f.log->stream({0}).incarnation;
  const auto rolled_back = [&](std::uint64_t cursor, std::uint64_t checksum, bool before) {
    const ConsumerRecord known{incarnation, {0}, {cursor}, 0, 0, {}, before};
    const auto outcome = f.commit(SubscribeWork{
        {"peer", 1}, {0}, {"a", "c", "cursor", 0, incarnation, {cursor}, checksum}, known});
    const bool stored = f.log->snapshot().consumers()->at(0).second.rolled_back;
    const Sequence shared = std::get<Subscribed>(outcome.answers.at(0).reply).shared;
    CHECK(shared.value == (outcome.subscribed.at(0).vouched ? cursor : 0));
    CHECK(!(stored && outcome.subscribed.at(0).vouched));
    CHECK(f.holds.last({0})->cursor.value == (stored ? 0 : cursor));
    return stored;
  };
  for (const bool before : {false, true}) {
    CHECK_FALSE(rolled_back(3, first, before));
    CHECK_FALSE(rolled_back(5, second, before));
    CHECK_FALSE(rolled_back(4, second, before));  // of the batch that holds it
    CHECK(rolled_back(3, second, before));
    CHECK(rolled_back(5, first, before));
    CHECK(rolled_back(6, second, before));
    CHECK(rolled_back(3, 0, before) == before);  // nothing tells
    CHECK(rolled_back(0, first, before) == before);
  }
  auto transaction = f.log->begin();
  REQUIRE(transaction.trim({0}, 1, [](const BatchHeader&) { return true; }).has_value());
  REQUIRE(transaction.commit().has_value());
  for (const bool before : {false, true}) CHECK(rolled_back(3, second, before) == before);
}

TEST_CASE("AConsumerOfALogThatWasRolledBackAndThenRestoredIsToldWhereThatOneBegan") {
  CommitFixture f;
  f.commit(f.registration(1), f.batch(1, 0, 3));
  const auto older = id_of<Incarnation>('W'), before = id_of<Incarnation>('X');
  auto transaction = f.log->begin();
  transaction.set_ancestors({0}, {{older, {1}}, {before, {3}}});
  REQUIRE(transaction.commit().has_value());
  const auto shared = [&](bool rolled_back) {
    const auto outcome = f.commit(SubscribeWork{{"peer", 1},
                                                {0},
                                                {"a", "c", "cursor", 0, before, {9}, 7},
                                                {before, {0}, {9}, 0, 0, {}, rolled_back}});
    return std::get<Subscribed>(outcome.answers.at(0).reply).shared.value;
  };
  CHECK(shared(false) == 3);
  CHECK(shared(true) == 1);
  CHECK(f.holds.last({0})->cursor == Sequence{1});
}

TEST_CASE("AConsumerThatRegistersAgainKeepsItsStartAndWhatItLost") {
  CommitFixture f;
  f.commit(f.registration(1), f.batch(1, 0, 3));
  const Incarnation incarnation = f.log->stream({0}).incarnation;
  ConsumerRecord known{incarnation, {1}, {2}, 5, 6, {}};
  f.commit(SubscribeWork{{"peer", 1}, {0}, {"a", "c", "cursor", 0, incarnation, {3}}, known});
  const ConsumerRecord record = f.log->snapshot().consumers()->at(0).second;
  CHECK(record.start == Sequence{1});
  CHECK(record.cursor == Sequence{3});
  CHECK(record.lost == 5);
  CHECK(record.failed == 6);
}

TEST_CASE("EarliestOfATrimmedStreamIsWhatItHolds") {
  CommitFixture f;
  f.commit(f.registration(1), f.batch(1, 0, 3), f.batch(1, 3, 5));
  {
    auto transaction = f.log->begin();
    REQUIRE(transaction.trim({0}, 1, [](const BatchHeader&) { return true; }).has_value());
    REQUIRE(transaction.commit().has_value());
  }
  const auto outcome =
      f.commit(SubscribeWork{{"peer", 1}, {0}, {"a", "c", "earliest", 0, {}, {}}, {}});
  CHECK(std::get<Subscribed>(outcome.answers.at(0).reply).start == Sequence{3});
}

TEST_CASE("AFullLogDiscardsTheWholeQueueAndSaysSoToThoseWhoWait") {
  CommitFixture f;
  f.commit(f.registration(1));
  auto work = f.too_much();
  work.push_back(f.registration(2, 1, kOurs, "new"));
  work.push_back(SubscribeWork{{"peer", 3}, {0}, {"a", "c", "earliest", 0, {}, {}}, {}});
  const auto outcome = f.committer.commit(std::move(work));
  REQUIRE(outcome.has_value());
  CHECK(outcome->full);
  CHECK(outcome->positions.empty());
  CHECK(outcome->batches.empty());
  REQUIRE(outcome->answers.size() == 2);
  CHECK(std::get<ErrorReply>(outcome->answers[0].reply).code == ErrorCode::kFull);
  CHECK(std::get<ErrorReply>(outcome->answers[1].reply).code == ErrorCode::kFull);
  CHECK(f.log->snapshot().producers()->size() == 1);
  CHECK(f.commit(f.batch(1, 0, 1)).positions.size() == 1);  // there is room for less
}

TEST_CASE("AConsumerThatComesBackIsServedAlsoWhereThereIsNoRoomForAnythingElse") {
  CommitFixture f;
  const Subscribe back{"a", "c", "cursor", 0, f.log->stream({0}).incarnation, Sequence{0}};
  ConsumerRecord known;
  known.incarnation = back.incarnation;
  auto work = f.too_much();
  work.push_back(SubscribeWork{{"peer", 3}, {0}, back, known});
  const auto outcome = f.committer.commit(std::move(work));
  REQUIRE(outcome.has_value());
  CHECK(outcome->full);
  CHECK(std::get<Subscribed>(outcome->answers.at(0).reply).start == Sequence{0});
  CHECK(outcome->subscribed.size() == 1);
}

TEST_CASE("AFullLogIsTrimmedThoughPublishersAskAgainAndAgain") {
  CommitFixture f;
  Trimmer trimmer{*f.log, f.clock, f.holds, {{std::chrono::minutes(1), {}, false}, {}}};
  Committer committer{*f.log, f.clock, f.holds, trimmer};
  f.commit(f.registration(1), f.batch(1, 0, 3));
  f.clock.advance(std::chrono::minutes(2));
  const auto outcome = committer.commit(f.too_much());
  REQUIRE(outcome.has_value());
  CHECK(outcome->full);
  CHECK(outcome->trimmed.size() == 1);
  CHECK(f.log->stream({0}).oldest == Sequence{4});
}

TEST_CASE("CommitTimesOfATransactionAreTheClampedClock") {
  CommitFixture f;
  f.commit(f.registration(1), f.batch(1, 0, 1));
  const WallTime before = f.log->stream({0}).last_commit_time;
  f.clock.wall_now -= std::chrono::hours(24);
  const auto outcome = f.commit(f.batch(1, 1, 2));
  CHECK(outcome.batches[0].header.place.commit_time == before);
}

TEST_CASE("AProducerThatIsForgottenHasNoRecordAndOneOfItsIdBeginsAnew") {
  CommitFixture f;
  f.commit(f.registration(1), f.batch(1, 0, 3));
  const auto outcome = f.commit(ForgetProducerWork{{"peer", 2}, {0}, {1}});
  CHECK(outcome.forgotten_producers == std::vector<ProducerId>{{1}});
  CHECK(std::get<ProducerForgotten>(outcome.answers.at(0).reply).producer == ProducerId{1});
  CHECK(f.log->snapshot().producers()->empty());
  CHECK(f.log->stream({0}).head() == Sequence{3});
  const auto again = f.commit(f.registration(1));
  CHECK(std::get<Registered>(again.answers.at(0).reply).position == ProducerSequence{0});
}

TEST_CASE("WhatForgetsIsDoneWhenThereIsNoRoomForMore") {
  CommitFixture f;
  f.commit(f.registration(1));
  auto work = f.too_much();
  work.push_back(ForgetProducerWork{{"peer", 2}, {0}, {1}});
  const auto outcome = f.committer.commit(std::move(work));
  REQUIRE(outcome.has_value());
  CHECK(outcome->full);
  CHECK(outcome->forgotten_producers.size() == 1);
  CHECK(f.log->snapshot().producers()->empty());
}

}  // namespace
}  // namespace forebay
