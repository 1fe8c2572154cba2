// What a subscription makes of a log with gaps, a restarted sidecar, and a log that is another.
#include <catch2/catch.hpp>

#include "tests/support/subscription_fixture.h"

namespace forebay::test {
namespace {

TEST_CASE("TrimmedEventsAreAGapUpToTheOldestHeld") {
  Fixture f;
  f.subscribed(6);
  REQUIRE(f.fetch());
  f.reply(Trimmed{"a", kIncarnation, {3}, {6}});
  CHECK(f.taken() == "-1+2:trimmed ");
  const auto fetch = f.fetch();
  CHECK(fetch->from == Sequence{3});
  CHECK(fetch->checksum == 0);
  f.batches(1, 3, 3);
  CHECK(f.taken() == "3 4 5 6 ");
}

TEST_CASE("ADamagedBatchIsAGapOfWhatIsLeftOfIt") {
  Fixture f(Cursor{kIncarnation, {1}, 0});
  f.subscribed(4);
  REQUIRE(f.fetch());
  f.reply(Corrupt{"a", kIncarnation, {1}, 2});
  CHECK(f.taken() == "-2+1:corrupt ");
  CHECK(f.fetch()->from == Sequence{3});
}

TEST_CASE("AGapRecordIsAGapAndTheChainGoesOnBehindIt") {
  Fixture f;
  f.go_live(1);
  std::string gap = make_gap_record(kIncarnation, 5, "corruption");
  set_batch_place(gap.data(), {{3}, {}, f.log.checksum(0)});
  f.broadcast(gap);
  CHECK(f.taken() == "-3+5:corruption ");
  CHECK(f.subscription.cursor().checksum == parse_batch_header(gap)->checksum);
}

// a new boot

TEST_CASE("AfterANewBootItFetchesBeforeItAppliesBroadcastsAgain") {
  Fixture f;
  f.go_live(1);
  f.beacon(1, kNextBoot);
  CHECK(f.state() == State::kFetch);
  f.broadcast(f.log.batch(1));
  CHECK(f.taken().empty());
  f.subscribed(4, kNextBoot);
  CHECK(f.fetch()->checksum == f.log.checksum(0));
  f.reply(Batches{"a", kIncarnation, {5}, false, {4}, {1}}, f.log.batch(1), kNextBoot);
  CHECK(f.taken() == "3 4 ");
  CHECK(f.state() == State::kJoin);
}

TEST_CASE("WhatTheRunBeforeBroadcastIsNotAppliedAfterANewBoot") {
  Fixture f;
  f.subscribed(2);
  REQUIRE(f.fetch());
  f.broadcast(f.log.batch(1));  // kept until the fetch is answered
  f.beacon(1, kNextBoot);       // a log without it
  f.subscribed(2, kNextBoot);
  REQUIRE(f.fetch());
  f.reply(Batches{"a", kIncarnation, {3}, false, {2}, {1}}, f.log.batch(0), kNextBoot);
  CHECK(f.taken() == "1 2 ");
}

// DIVERGED

TEST_CASE("AnotherIncarnationIsDivergedWhereverItShows") {
  Fixture f;
  f.go_live(1);
  SECTION("beacon") { f.beacon(1, kBoot, kOther); }
  SECTION("broadcast") {
    f.broadcast(test::make_committed({kOther, {7}, {1}, {0}, {1}}, {{3}, {}, 0}));
  }
  SECTION("registration") {
    f.beacon(1, kNextBoot);
    f.subscribed(2, kNextBoot, kOther);
  }
  SECTION("fetch") {
    f.beacon(2);
    REQUIRE(f.fetch());
    f.reply(Diverged{"a", kOther, {9}, "another incarnation"});
    CHECK(f.subscription.log_incarnation() == kOther);
  }
  CHECK(f.state() == State::kDiverged);
  CHECK(f.taken() == "diverged ");
}

TEST_CASE("ALogRolledBackUnderTheSameIncarnationIsDiverged") {
  Fixture f;
  f.go_live(3);
  FakeLog rewritten("another");
  SECTION("its end was written anew: the beacon's checksum shows it") {
    f.log = rewritten;
    f.beacon(3);
  }
  SECTION("it has grown past: the next batch does not continue what was applied") {
    f.broadcast(rewritten.batch(3));
  }
  SECTION("the batch that was applied comes again as another") { f.broadcast(rewritten.batch(2)); }
  SECTION("still lower: the sidecar says so") {
    f.beacon(1, kNextBoot);
    f.subscribed(2, kNextBoot);
    CHECK(f.fetch()->from == Sequence{7});
    f.reply(Diverged{"a", kIncarnation, {2}, "it was rolled back"}, {}, kNextBoot);
  }
  SECTION("a fetch that does not continue") {
    f.beacon(4);
    REQUIRE(f.fetch());
    f.reply(Batches{"a", kIncarnation, {9}, false, {8}, {1}}, rewritten.batch(3));
  }
  CHECK(f.state() == State::kDiverged);
  CHECK(f.taken() == "diverged ");
}

TEST_CASE("DivergedIsLeftByNothingThatComesIn") {
  Fixture f;
  f.go_live(1);
  f.beacon(1, kBoot, kOther);
  f.taken();
  f.broadcast(f.log.batch(1));
  f.beacon(2);
  f.beacon(2, kNextBoot);
  f.subscribed(4, kNextBoot);  // it still registers, to be seen
  CHECK(f.requests().empty());
  CHECK(f.taken().empty());
  CHECK(f.state() == State::kDiverged);
  CHECK(f.subscription.next_due() == MonoTime::max());
}

TEST_CASE("HowFarALogIsTheOneThatWasReadIsKnownFromTheRegistrationWithItsBoot") {
  Fixture f;
  f.go_live(3);
  f.beacon(2, kNextBoot, kOther);
  CHECK(f.state() == State::kDiverged);
  CHECK_FALSE(f.subscription.log_shared());
  f.subscribed(4, kNextBoot, kOther, 2);
  CHECK(f.subscription.log_shared() == Sequence{2});
  f.beacon(9, kNextBoot, kOther);  // what is published since does not change it
  CHECK(f.subscription.log_shared() == Sequence{2});
  f.beacon(9, id_of<BootId>('d'), kOther);
  CHECK_FALSE(f.subscription.log_shared());
}

TEST_CASE("OneThatBeginsDivergedAsCommittedStaysSo") {
  Fixture f;
  f.subscription.begin_diverged();
  f.subscribed(2);
  f.broadcast(f.log.batch(0));
  CHECK(f.requests().empty());
  CHECK(f.taken().empty());
}

// what is told of it

TEST_CASE("HeardIsWhenAHeadWasLastToldOf") {
  Fixture f;
  CHECK_FALSE(f.subscription.heard());
  f.go_live(1);
  const MonoTime then = f.now;
  CHECK(f.subscription.heard() == then);
  f.now += milliseconds(100);
  f.beacon(2);
  CHECK(f.subscription.heard() == f.now);
  CHECK(f.subscription.head() == Sequence{4});
  REQUIRE(f.fetch());
  f.batches(1, 2, 2);
  CHECK(f.subscription.heard() == f.now);
}

}  // namespace
}  // namespace forebay::test
