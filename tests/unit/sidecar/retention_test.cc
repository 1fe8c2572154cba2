#include "sidecar/retention.h"

#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "tests/support/damaged_log.h"
#include "tests/support/made_batches.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

struct RetentionFixture {
  test::TempDir dir;
  ManualClock clock;
  Holds holds{2};
  bool refuses = false;
  std::unique_ptr<Log> log =
      std::move(*Log::open({dir / "log", {"a", "b"}, std::uint64_t{12} << 20}));

  std::uint64_t append(std::size_t stream = 0, std::size_t subject = 1) {
    std::string batch = test::make_batch({log->stream({stream}).incarnation, {1}, {1}, {0}, {1}}, 1,
                                         std::string(subject, 'x'));
    auto transaction = log->begin();
    REQUIRE(transaction.append({stream}, batch, batch.data(), clock.wall()).has_value());
    REQUIRE(transaction.commit().has_value());
    return batch.size();
  }
  Trimmer trimmer(std::optional<Nanoseconds> age, std::optional<std::uint64_t> bytes = {}) {
    return {*log, clock, holds, {{age, bytes, refuses}, {}}};
  }
  std::uint64_t oldest(std::size_t stream = 0) const { return log->stream({stream}).oldest.value; }
};

void trim(Trimmer& trimmer) { REQUIRE(trimmer.trim().has_value()); }

TEST_CASE("WithoutAPolicyEverythingIsKept") {
  RetentionFixture f;
  f.append();
  auto trimmer = f.trimmer({});
  f.clock.advance(hours(24 * 365));
  trim(trimmer);
  CHECK(f.oldest() == 1);
}

TEST_CASE("BatchesOlderThanTheAgeGoAndOnlyOfTheirStream") {
  RetentionFixture f;
  auto trimmer = f.trimmer(minutes(10));
  f.append();
  f.append(1);
  f.clock.advance(minutes(6));
  f.append();
  trim(trimmer);
  CHECK(f.oldest() == 1);
  f.clock.advance(minutes(5));
  const auto changed = trimmer.trim();
  REQUIRE(changed.has_value());
  REQUIRE(changed->size() == 1);
  CHECK(changed->front() == TrimmedStream{{0}, {2}});
  f.clock.advance(minutes(60));
  trim(trimmer);
  CHECK(f.oldest() == 3);
  CHECK(f.log->stream({0}).next == Sequence{3});
  CHECK(f.oldest(1) == 1);
}

TEST_CASE("TheOldestGoUntilTheBytesFit") {
  RetentionFixture f;
  std::uint64_t bytes = 0;
  for (int i = 0; i < 5; ++i) bytes = f.append();
  auto trimmer = f.trimmer({}, 2 * bytes + 1);
  trim(trimmer);
  CHECK(f.oldest() == 4);
  CHECK(f.log->stream({0}).bytes == 2 * bytes);
}

TEST_CASE("AStreamThatCannotBeReadWhereItWouldBeTrimmedIsLeftAlone") {
  RetentionFixture f;
  f.append(0, 4000);
  f.append();  // opening the log reads the last one
  f.append(1);
  f.log.reset();
  test::lose_value(f.dir / "log/data.mdb", 1);
  f.log = std::move(*Log::open({f.dir / "log", {"a", "b"}, std::uint64_t{12} << 20}));
  Trimmer trimmer{*f.log, f.clock, f.holds, {{{}, 0}, {{}, 0}}};
  for (int i = 0; i < 3; ++i) {
    trim(trimmer);
    CHECK(f.oldest(0) == 1);
    CHECK(f.oldest(1) == 2);
  }
  CHECK_FALSE(trimmer.more());
}

TEST_CASE("ALargeArrearIsTrimmedInBoundedStepsWithoutWaitingInBetween") {
  RetentionFixture f;
  const std::size_t count = limits::kTrimBatchesPerCommit + 10;
  auto transaction = f.log->begin();
  for (std::size_t i = 0; i < count; ++i) {
    std::string batch = test::make_batch({f.log->stream({0}).incarnation, {1}, {1}, {0}, {1}});
    REQUIRE(transaction.append({0}, batch, batch.data(), f.clock.wall()).has_value());
  }
  REQUIRE(transaction.commit().has_value());
  auto trimmer = f.trimmer({}, 0);
  trim(trimmer);
  CHECK(f.oldest() == limits::kTrimBatchesPerCommit + 1);
  trim(trimmer);
  CHECK(f.oldest() == count + 1);
}

TEST_CASE("ATransactionThatAppendsTrimsTwiceAsMuchButNothingOfItsOwn") {
  RetentionFixture f;
  const std::size_t held = 3 * limits::kTrimBatchesPerCommit;
  const auto append_and_trim = [&](Trimmer* trimmer, std::size_t count) {
    auto transaction = f.log->begin();
    for (std::size_t i = 0; i < count; ++i) {
      std::string batch = test::make_batch({f.log->stream({0}).incarnation, {1}, {1}, {0}, {1}});
      REQUIRE(transaction.append({0}, batch, batch.data(), f.clock.wall()).has_value());
    }
    if (trimmer != nullptr) REQUIRE(trimmer->trim(transaction).has_value());
    REQUIRE(transaction.commit().has_value());
  };
  append_and_trim(nullptr, held);
  auto trimmer = f.trimmer({}, 0);
  append_and_trim(&trimmer, limits::kTrimBatchesPerCommit);
  CHECK(f.oldest() == 2 * limits::kTrimBatchesPerCommit + 1);
  append_and_trim(&trimmer, 2 * limits::kTrimBatchesPerCommit);
  CHECK(f.oldest() == held + limits::kTrimBatchesPerCommit + 1);
}

TEST_CASE("TooManyBytesGoWithTheNextCommitWhateverTheTime") {
  RetentionFixture f;
  auto trimmer = f.trimmer({}, 0);
  trim(trimmer);  // the next look is a second away
  f.append();
  auto transaction = f.log->begin();
  const auto changed = trimmer.trim(transaction);
  REQUIRE(changed.has_value());
  CHECK(*changed == std::vector<TrimmedStream>{{{0}, {2}}});
}

TEST_CASE("WhatAConsumerHasYetToReadIsNotTrimmedByAge") {
  RetentionFixture f;
  auto trimmer = f.trimmer(minutes(10));
  for (int i = 0; i < 4; ++i) f.append();
  f.holds.set({0}, "behind", Sequence{2});
  f.holds.set({0}, "ahead", Sequence{4});
  f.holds.set({1}, "of the other stream", Sequence{0});
  f.clock.advance(minutes(11));
  trim(trimmer);
  CHECK(f.oldest() == 3);
  f.clock.advance(minutes(1));
  SECTION("until it has read it") { f.holds.set({0}, "behind", Sequence{4}); }
  SECTION("or is forgotten") { f.holds.forget({0}, "behind"); }
  trim(trimmer);
  CHECK(f.oldest() == 5);
}

TEST_CASE("AtItsBytesAStreamTrimsWhatAConsumerHasYetToReadAndRefusesNothing") {
  RetentionFixture f;
  std::uint64_t bytes = 0;
  for (int i = 0; i < 5; ++i) bytes = f.append();
  f.holds.set({0}, "behind", Sequence{1});
  auto trimmer = f.trimmer({}, 2 * bytes + 1);
  trim(trimmer);
  CHECK(f.oldest() == 4);
  CHECK_FALSE(f.holds.refusing({0}));
}

TEST_CASE("AStreamThatDiscardsTheNewRefusesUntilTheConsumerHasRead") {
  RetentionFixture f;
  f.refuses = true;
  std::uint64_t bytes = 0;
  for (int i = 0; i < 5; ++i) bytes = f.append();
  f.holds.set({0}, "behind", Sequence{1});
  auto trimmer = f.trimmer({}, 2 * bytes + 1);
  trim(trimmer);
  CHECK(f.oldest() == 2);
  CHECK(f.holds.refusing({0}));
  CHECK_FALSE(f.holds.refusing({1}));
  f.holds.set({0}, "behind", Sequence{3});
  f.clock.advance(seconds(2));
  trim(trimmer);
  CHECK(f.oldest() == 4);
  CHECK_FALSE(f.holds.refusing({0}));
}

TEST_CASE("AWallClockThatJumpsByMoreThanAnHourTrimsNothingUntilItIsSynchronised") {
  RetentionFixture f;
  auto trimmer = f.trimmer(minutes(10));
  f.append();
  f.clock.wall_now += hours(24);
  f.clock.advance(seconds(2));
  trim(trimmer);
  CHECK(f.oldest() == 1);
  f.clock.is_synchronised = true;
  f.clock.advance(limits::kClockQuestionInterval);
  trim(trimmer);
  CHECK(f.oldest() == 2);
}

TEST_CASE("AnOperatorVouchesForAClockThatIsDoubted") {
  RetentionFixture f;
  auto trimmer = f.trimmer(minutes(10));
  f.append();
  f.clock.wall_now += hours(24);
  f.clock.advance(seconds(2));
  trim(trimmer);
  CHECK(f.oldest() == 1);
  CHECK(f.holds.clock_doubted());
  f.holds.vouch_for_clock();
  f.clock.advance(seconds(2));
  trim(trimmer);
  CHECK(f.oldest() == 2);
  CHECK_FALSE(f.holds.clock_doubted());
  f.clock.wall_now += hours(24);  // he did for that clock, and for no later one
  f.clock.advance(seconds(2));
  trim(trimmer);
  CHECK(f.holds.clock_doubted());
}

TEST_CASE("BytesAreTrimmedWhateverTheClockSays") {
  RetentionFixture f;
  auto trimmer = f.trimmer(minutes(10), 0);
  f.append();
  f.clock.wall_now += hours(24);
  f.clock.advance(seconds(2));
  trim(trimmer);
  CHECK(f.oldest() == 2);
}

TEST_CASE("AJumpOfLessThanAnHourIsTakenAsItIs") {
  ManualClock clock;
  ClockTrust trust(clock, {}, std::nullopt);
  clock.wall_now += minutes(59);
  CHECK(trust.trusted());
  clock.wall_now -= minutes(110);
  CHECK(trust.trusted());
  clock.wall_now -= minutes(30);
  CHECK_FALSE(trust.trusted());
}

TEST_CASE("DoubtStaysEvenIfTheClockComesBackUntilItIsSynchronised") {
  ManualClock clock;
  ClockTrust trust(clock, {}, std::nullopt);
  clock.wall_now += hours(2);
  CHECK_FALSE(trust.trusted());
  clock.wall_now -= hours(2);
  CHECK_FALSE(trust.trusted());
  clock.is_synchronised = true;
  CHECK_FALSE(trust.trusted());  // it is asked now and then
  clock.advance(limits::kClockQuestionInterval);
  CHECK_FALSE(trust.trusted(false));
  CHECK(trust.trusted());
  clock.is_synchronised = false;
  CHECK(trust.trusted());
}

TEST_CASE("AClockFarFromTheLastCommitIsDoubtedFromTheStart") {
  ManualClock clock;
  CHECK_FALSE(ClockTrust(clock, {}, clock.wall() - hours(2)).trusted());
  CHECK_FALSE(ClockTrust(clock, {}, clock.wall() + hours(2)).trusted());
  CHECK(ClockTrust(clock, {}, clock.wall() - minutes(30)).trusted());
  clock.is_synchronised = true;
  CHECK(ClockTrust(clock, {}, clock.wall() - hours(2)).trusted());
}

TEST_CASE("WhatAClockStampedAfterItsJumpDoesNotVouchForIt") {
  const bool rebooted = GENERATE(false, true);
  RetentionFixture f;
  auto trimmer = f.trimmer(hours(1));
  trim(trimmer);
  f.append();
  f.clock.wall_now += hours(5);
  f.clock.advance(seconds(2));
  REQUIRE(trimmer.watch_clock().has_value());
  f.append();  // stamped with the wrong time
  f.log.reset();
  f.log = std::move(*Log::open({f.dir / "log", {"a", "b"}, std::uint64_t{12} << 20}));
  if (rebooted) {
    f.clock.boot = "second";
    f.clock.mono_now = MonoTime(hours(0));
  }
  auto after = f.trimmer(hours(1));
  trim(after);
  CHECK(f.oldest() == 1);
  f.clock.is_synchronised = true;
  f.clock.advance(limits::kClockQuestionInterval);
  trim(after);
  CHECK(f.oldest() == 2);
}

TEST_CASE("AClockThatWasSetAndSynchronisedAtOnceIsTrustedAfterARestart") {
  RetentionFixture f;
  {
    auto trimmer = f.trimmer(hours(1));
    trim(trimmer);
    f.clock.wall_now += hours(3);
    f.clock.advance(seconds(2));
    f.clock.is_synchronised = true;  // before anybody looked
    trim(trimmer);
  }
  f.clock.is_synchronised = false;
  f.append();
  auto after = f.trimmer(hours(1));
  f.clock.advance(hours(2));
  trim(after);
  CHECK(f.oldest() == 2);
}

TEST_CASE("AJumpBetweenTwoRunsIsSeen") {
  RetentionFixture f;
  {
    auto trimmer = f.trimmer(hours(1));
    trim(trimmer);
    f.append();
  }
  f.clock.wall_now += minutes(90);  // within an hour of nothing that the log holds but its record
  f.append();
  auto after = f.trimmer(hours(1));
  trim(after);
  CHECK(f.oldest() == 1);
}

TEST_CASE("TimePassingIsNoJumpHoweverMuch") {
  ManualClock clock;
  ClockTrust trust(clock, {}, clock.wall());
  clock.advance(hours(24 * 365));
  CHECK(trust.trusted());
}

}  // namespace
}  // namespace forebay
