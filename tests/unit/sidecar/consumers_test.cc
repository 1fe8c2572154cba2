#include "sidecar/consumers.h"

#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "tests/support/made_batches.h"
#include "tests/support/manual_clock.h"

namespace forebay {
namespace {

/// A log of which `before` was restored or repaired; its own incarnation is none.
StreamRecord made_of(const Incarnation& before, Sequence shared) {
  StreamRecord record;
  record.next = Sequence{9};
  record.ancestors.push_back({before, shared});
  return record;
}

struct ConsumersFixture {
  ManualClock clock;
  Holds holds{1};
  Incarnation before = Incarnation::random();
  Consumers consumers{clock,
                      holds,
                      {{"a", made_of(before, {3})}},
                      {{{"a", "known"}, {{}, {1}, {5}}}, {{"gone", "c"}, {}}}};

  std::optional<ErrorCode> refusal() {
    const auto outgoing = consumers.take_outgoing();
    if (outgoing.size() != 1) return std::nullopt;
    const auto* error = std::get_if<ErrorReply>(&outgoing[0].reply);
    return error == nullptr ? std::nullopt : std::optional(error->code);
  }
};

TEST_CASE("WhoWasRegisteredBeforeTheStartHoldsRetentionWhereItWas") {
  const ConsumersFixture f;
  REQUIRE(f.holds.last({0}));
  CHECK(f.holds.last({0})->consumer == "known");
  CHECK(f.holds.last({0})->cursor == Sequence{5});
}

TEST_CASE("AReportMovesTheHoldAtOnce") {
  ConsumersFixture f;
  CHECK(f.consumers.on_cursor({"route", 1}, {"a", "known", {}, Sequence{7}, 0, 0, "LIVE"}));
  CHECK(f.holds.last({0})->cursor == Sequence{7});
  CHECK(f.consumers.take_work().size() == 1);
}

TEST_CASE("WhoHasReadAnotherLogHoldsWhatItHasYetToReadOfThisOne") {
  ConsumersFixture f;
  SECTION("made of the one it has read") {
    CHECK(f.consumers.on_cursor({"", 1}, {"a", "known", f.before, Sequence{7}, 0, 0, "DIVERGED"}));
    CHECK(f.holds.last({0})->cursor == Sequence{3});
    CHECK(f.consumers.all().at({"a", "known"}).read == Sequence{3});
    CHECK(f.consumers.all().at({"a", "known"}).record.cursor == Sequence{7});
  }
  SECTION("which has nothing of that") {
    const auto stranger = Incarnation::random();
    CHECK(f.consumers.on_cursor({"", 1}, {"a", "known", stranger, Sequence{7}, 0, 0, "LIVE"}));
    CHECK(f.holds.last({0})->cursor == Sequence{0});
  }
  SECTION("which was rolled back under its incarnation") {
    CHECK(f.consumers.on_cursor({"", 1}, {"a", "known", {}, Sequence{5}, 0, 0, "DIVERGED"}));
    CHECK(f.holds.last({0})->cursor == Sequence{3});
  }
  SECTION("found so at the start") {
    const bool rolled_back = GENERATE(false, true);
    const ConsumerRecord stored{
        rolled_back ? Incarnation{} : f.before, {1}, {5}, 0, 0, {}, rolled_back};
    Consumers again(f.clock, f.holds, {{"a", made_of(f.before, {3})}}, {{{"a", "known"}, stored}});
    CHECK(f.holds.last({0})->cursor == Sequence{3});
  }
  SECTION("of which that is stored, though nothing else has changed") {
    CHECK(f.consumers.on_cursor({"", 1}, {"a", "known", {}, Sequence{5}, 0, 0, "DIVERGED"}));
    const auto work = f.consumers.take_work();
    REQUIRE(work.size() == 1);
    CHECK(std::get<CursorWork>(work[0]).record.rolled_back);
  }
  SECTION("of which its registration showed it, until it goes on") {
    CommitOutcome outcome;
    outcome.subscribed.push_back({{"a", "known"}, {{}, {1}, {5}, 0, 0, {}, true}});
    f.consumers.on_outcome(outcome);
    const auto held_after = [&](std::uint64_t cursor, const std::string& state) {
      CHECK(f.consumers.on_cursor({"", 1}, {"a", "known", {}, {cursor}, 0, 0, state}));
      return f.consumers.all().at({"a", "known"}).read.value;
    };
    CHECK(held_after(4, "FETCH") == 3);  // not all is committed that it registered with
    CHECK(held_after(5, "FETCH") == 3);
    CHECK(held_after(5, "LIVE") == 5);
    CHECK(held_after(5, "DIVERGED") == 3);
    CHECK(held_after(6, "FETCH") == 6);
  }
  SECTION("but not what its registration showed to be here, until it goes on") {
    CommitOutcome outcome;
    outcome.subscribed.push_back({{"a", "known"}, {{}, {1}, {5}}, true});
    f.consumers.on_outcome(outcome);
    const auto held_after = [&](std::uint64_t cursor, const std::string& state) {
      CHECK(f.consumers.on_cursor({"", 1}, {"a", "known", {}, {cursor}, 0, 0, state}));
      return f.consumers.all().at({"a", "known"}).read.value;
    };
    CHECK(held_after(5, "DIVERGED") == 5);
    CHECK(held_after(5, "DIVERGED") == 5);
    CHECK(held_after(6, "FETCH") == 6);
    CHECK(held_after(6, "DIVERGED") == 3);
  }
  SECTION("which was not rolled back, though it diverged from what came of it") {
    CHECK(f.consumers.on_cursor({"", 1}, {"a", "known", f.before, Sequence{7}, 0, 0, "DIVERGED"}));
    CHECK_FALSE(f.consumers.all().at({"a", "known"}).record.rolled_back);
  }
  SECTION("registered again") {
    CommitOutcome outcome;
    outcome.subscribed.push_back({{"a", "known"}, {f.before, {1}, {5}}});
    f.consumers.on_outcome(outcome);
    CHECK(f.consumers.all().at({"a", "known"}).read == Sequence{3});
  }
}

TEST_CASE("ThatAConsumerReadsAnotherLogShowsWithoutItsWord") {
  ConsumersFixture f;
  const auto diverged = [&](const Incarnation& of, bool rolled_back) {
    const ConsumerRecord stored{of, {1}, {5}, 0, 0, {}, rolled_back};
    StreamRecord stream;
    stream.incarnation = Incarnation::random();
    const Consumers again(f.clock, f.holds, {{"a", stream}}, {{{"a", "known"}, stored}});
    return again.all().at({"a", "known"}).diverged;
  };
  CHECK(diverged(f.before, false));
  CHECK(diverged(f.before, true));
  CHECK_FALSE(diverged({}, false));  // it has yet to begin
  CHECK_FALSE(f.consumers.all().at({"a", "known"}).diverged);
}

TEST_CASE("WhoReportsWithoutBeingRegisteredIsTold") {
  ConsumersFixture f;
  CHECK(f.consumers.on_cursor({"route", 1}, {"a", "unknown", {}, Sequence{7}, 0, 0, "LIVE"}));
  const auto outgoing = f.consumers.take_outgoing();
  REQUIRE(outgoing.size() == 1);
  CHECK(outgoing[0].peer.route == "route");
  CHECK(std::get<Forgotten>(outgoing[0].reply).consumer == "unknown");
  f.consumers.on_subscribe({"route", 2}, {"a", "unknown", "cursor", {}, {}, Sequence{7}});
  CHECK(f.consumers.on_cursor({"route", 3}, {"a", "unknown", {}, Sequence{7}, 0, 0, "LIVE"}));
  CHECK(f.consumers.take_outgoing().empty());  // its registration is under way
  CHECK_FALSE(f.holds.last({0})->consumer == "unknown");
}

TEST_CASE("AReportWhoseStateIsNoWordIsRefused") {
  ConsumersFixture f;
  for (const std::string state : {"\x1b[2J", "LIVE\n", "live", "ABCDEFGHIJKLMNOPQ"}) {
    CAPTURE(state);
    CHECK_FALSE(f.consumers.on_cursor({"route", 1}, {"a", "known", {}, Sequence{7}, 0, 0, state}));
  }
  CHECK(f.consumers.take_work().empty());
  CHECK(f.holds.last({0})->cursor == Sequence{5});
}

TEST_CASE("AConsumerThatIsGoneIsForgotten") {
  ConsumersFixture f;
  f.consumers.on_forget({"route", 1}, {"a", "known"});
  auto work = f.consumers.take_work();
  REQUIRE(work.size() == 1);
  const auto* forget = std::get_if<ForgetWork>(&work[0]);
  REQUIRE(forget != nullptr);
  CommitOutcome outcome;
  outcome.forgotten.push_back(forget->key);
  // What it still says meanwhile holds nothing.
  CHECK(f.consumers.on_cursor({"route", 1}, {"a", "known", {}, Sequence{7}, 0, 0, "LIVE"}));
  CHECK(f.consumers.take_work().empty());
  f.consumers.on_outcome(outcome);
  CHECK(f.consumers.all().size() == 1);
}

TEST_CASE("OneThatIsNotForgottenAfterAllGoesOn") {
  ConsumersFixture f;
  f.consumers.on_forget({"route", 1}, {"a", "known"});
  static_cast<void>(f.consumers.take_work());
  CommitOutcome outcome;
  outcome.full = true;
  f.consumers.on_outcome(outcome);
  CHECK(f.consumers.on_cursor({"route", 1}, {"a", "known", {}, Sequence{7}, 0, 0, "LIVE"}));
  CHECK(f.holds.last({0})->cursor == Sequence{7});
}

TEST_CASE("AReportOfAStreamThatIsNoLongerHereHoldsNothing") {
  ConsumersFixture f;
  CHECK(f.consumers.on_cursor({"route", 1}, {"gone", "c", {}, Sequence{7}, 0, 0, "LIVE"}));
  CHECK(f.holds.last({0})->consumer == "known");
}

TEST_CASE("AConsumerThatIsThereOrUnknownIsNotForgotten") {
  ConsumersFixture f;
  f.consumers.on_forget({"route", 1}, {"a", "nobody"});
  CHECK(f.refusal() == ErrorCode::kNotFound);
  CHECK(f.consumers.on_cursor({"route", 1}, {"a", "known", {}, Sequence{7}, 0, 0, "LIVE"}));
  static_cast<void>(f.consumers.take_work());
  f.consumers.on_forget({"route", 1}, {"a", "known"});
  CHECK(f.refusal() == ErrorCode::kUnavailable);
  f.clock.advance(limits::kConsumerSilent);
  f.consumers.on_forget({"route", 1}, {"a", "known"});
  CHECK_FALSE(f.refusal());
  CHECK(f.consumers.take_work().size() == 1);
}

TEST_CASE("AConsumerThatIsRegisteringIsNotForgotten") {
  ConsumersFixture f;  // just started: nobody has been heard of
  f.consumers.on_subscribe({"route", 1}, {"a", "known", "cursor", {}, {}, Sequence{5}});
  f.consumers.on_forget({"route", 2}, {"a", "known"});
  CHECK(f.refusal() == ErrorCode::kUnavailable);
}

TEST_CASE("AConsumersNextRegistrationWaitsForTheOneThatIsUnderWay") {
  ConsumersFixture f;
  const Subscribe from_known{"a", "known", "cursor", {}, {}, Sequence{5}};
  f.consumers.on_subscribe({"route", 1}, from_known);
  CHECK(f.consumers.take_work().size() == 1);
  f.consumers.on_subscribe({"route", 2}, from_known);
  CHECK(f.refusal() == ErrorCode::kUnavailable);
  CHECK(f.consumers.take_work().empty());
  CommitOutcome outcome;
  SECTION("until it is committed") { outcome.subscribed.push_back({{"a", "known"}, {}}); }
  SECTION("until it is forgotten with it") { outcome.forgotten.push_back({"a", "known"}); }
  SECTION("until it is discarded") { outcome.full = true; }
  f.consumers.on_outcome(outcome);
  f.consumers.on_subscribe({"route", 3}, from_known);
  CHECK(f.consumers.take_work().size() == 1);
}

TEST_CASE("NoMoreConsumersThanASidecarKeepsAreTakenHoweverManyAreUnderWay") {
  ConsumersFixture f;
  const auto subscribe = [&](std::size_t i) {
    f.consumers.on_subscribe({"route", i}, {"a", "c" + std::to_string(i), "earliest", {}, {}, {}});
  };
  for (std::size_t i = 0; i < limits::kConsumersMax - 2; ++i) subscribe(i);  // two are known
  CHECK(f.consumers.take_work().size() == limits::kConsumersMax - 2);
  subscribe(limits::kConsumersMax);
  CHECK(f.refusal() == ErrorCode::kFull);
  CommitOutcome outcome;
  outcome.forgotten.push_back({"gone", "c"});
  f.consumers.on_outcome(outcome);
  subscribe(limits::kConsumersMax);
  CHECK(f.consumers.take_work().size() == 1);
}

}  // namespace
}  // namespace forebay
