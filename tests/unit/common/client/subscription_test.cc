#include "common/client/subscription.h"

#include <catch2/catch.hpp>

#include "tests/support/subscription_fixture.h"

namespace forebay::test {
namespace {

TEST_CASE("AStartIsResolvedAndCommittedBeforeTheFirstFetch") {
  Fixture f(std::nullopt, {"time", wall_from_unix_ns(99)});
  const auto requests = f.requests();
  REQUIRE(requests.size() == 1);
  const auto& request = std::get<Subscribe>(requests[0]);
  CHECK(request.start == "time");
  CHECK(request.time_ns == 99);
  f.reply(Subscribed{"a", kIncarnation, {4}, {6}, {1}, {}});
  CHECK(f.taken() == "start4 ");
  CHECK(f.requests().empty());
  f.broadcast(f.log.batch(2));
  CHECK(f.taken().empty());
  f.subscription.on_committed();
  const auto fetch = f.fetch();
  REQUIRE(fetch);
  CHECK(fetch->from == Sequence{5});
  CHECK(fetch->incarnation == kIncarnation);
  f.batches(2, 3, 3);
  CHECK(f.taken() == "5 6 ");
}

TEST_CASE("ACursorRegistersAsSuchAndItsChecksumGoesWithTheFetch") {
  FakeLog log;
  Fixture f(Cursor{kIncarnation, {4}, log.checksum(1)});
  const auto requests = f.requests();
  const auto& request = std::get<Subscribe>(requests.at(0));
  CHECK(request.start == "cursor");
  CHECK(request.cursor == Sequence{4});
  f.reply(Subscribed{"a", kIncarnation, {4}, {4}, {1}, {}});
  CHECK(f.fetch()->checksum == log.checksum(1));
}

TEST_CASE("ARegistrationThatGetsLostIsRepeated") {
  Fixture f;
  CHECK(f.requests().size() == 1);
  CHECK(f.requests().empty());
  f.now += limits::kFetchTimeout;
  CHECK(f.requests().size() == 1);
}

TEST_CASE("TheFirstBeaconFindsARegistrationUnderWay") {
  Fixture f;
  REQUIRE(f.requests().size() == 1);
  f.beacon(0);
  CHECK(f.requests().empty());
  f.reply(Subscribed{"a", kIncarnation, {0}, {0}, {1}, {}});
  CHECK(f.fetch());
}

TEST_CASE("ARegistrationThatWasRefusedIsRepeatedSoon") {
  Fixture f;
  REQUIRE(f.requests().size() == 1);
  f.reply(ErrorReply{ErrorCode::kUnavailable, "another of this name is being registered"});
  CHECK(f.requests().empty());
  CHECK(f.subscription.next_due() == f.now + limits::kPollInterval);
  f.now += limits::kPollInterval;
  CHECK(f.requests().size() == 1);
}

TEST_CASE("WhoIsForgottenRegistersAgainAtItsCursor") {
  Fixture f;
  f.go_live(2);
  CHECK(f.requests().empty());
  f.subscription.on_forgotten();
  const auto requests = f.requests();
  REQUIRE(requests.size() == 1);
  CHECK(std::get<Subscribe>(requests[0]).cursor == Sequence{4});
  f.reply(Subscribed{"a", kIncarnation, {4}, {4}, {1}, {}});
  CHECK(f.requests().empty());
  CHECK(f.state() == State::kLive);
}

TEST_CASE("OfARegistrationThatWasRepeatedAnyMayBeAnswered") {
  Fixture f;
  f.beacon(0);
  REQUIRE(f.requests().size() == 1);
  const std::uint64_t first = f.last_id;
  f.now += limits::kFetchTimeout;
  REQUIRE(f.requests().size() == 1);
  // One at a time is under way in the sidecar, and that one is slow.
  f.reply(ErrorReply{ErrorCode::kUnavailable, "it is being registered just now"});
  f.last_id = first;
  f.reply(Subscribed{"a", kIncarnation, {0}, {0}, {1}, {}});
  f.now += limits::kFetchTimeout;
  CHECK(f.fetch());  // a poll, and no registration
}

TEST_CASE("OfRegistrationsThatWereRepeatedOnlyTheLatestAreAwaited") {
  Fixture f;
  std::vector<std::uint64_t> ids;
  while (ids.size() <= limits::kRegistrationsAwaited) {
    REQUIRE(f.requests().size() == 1);
    ids.push_back(f.last_id);
    f.now += limits::kFetchTimeout;
  }
  SECTION("the one before them") {
    f.last_id = ids[0];
    f.reply(Subscribed{"a", kIncarnation, {0}, {0}, {1}, {}});
    const auto requests = f.requests();
    REQUIRE(requests.size() == 1);
    CHECK(std::holds_alternative<Subscribe>(requests[0]));
  }
  SECTION("the oldest of them") {
    f.last_id = ids[1];
    f.reply(Subscribed{"a", kIncarnation, {0}, {0}, {1}, {}});
    CHECK(f.fetch());
  }
}

// FETCH, JOIN, LIVE, GAP

TEST_CASE("AFetchThatReachesTheHeadJoinsAndABeaconOrBroadcastConfirms") {
  Fixture f;
  f.subscribed(4);
  CHECK(f.state() == State::kFetch);
  REQUIRE(f.fetch());
  f.batches(0, 1, 2);
  CHECK(f.state() == State::kFetch);
  CHECK(f.taken() == "1 2 ");
  REQUIRE(f.fetch());
  f.batches(1, 2, 2);
  CHECK(f.state() == State::kJoin);
  CHECK(f.taken() == "3 4 ");
  SECTION("beacon") { f.beacon(2); }
  SECTION("beacon from before the fetch") { f.beacon(1); }
  SECTION("broadcast") { f.broadcast(f.log.batch(2)); }
  CHECK(f.state() == State::kLive);
}

TEST_CASE("TheNextRangeIsAskedForWhileOneWaitsToBeTakenAndNoThird") {
  Fixture f;
  f.subscribed(8);
  REQUIRE(f.fetch());
  f.batches(0, 1, 4);
  const auto ahead = f.fetch();
  REQUIRE(ahead);
  CHECK(ahead->from == Sequence{3});
  CHECK(ahead->checksum == 0);
  f.batches(1, 2, 4);
  CHECK(f.requests().empty());
  CHECK(f.subscription.next_due() <= f.now);
  CHECK(f.taken() == "1 2 3 4 ");
  const auto next = f.fetch();
  REQUIRE(next);
  CHECK(next->from == Sequence{5});
  CHECK(next->checksum == f.log.checksum(1));
}

TEST_CASE("AnAheadRequestThatGetsLostIsRepeatedForTheSameRange") {
  Fixture f;
  f.subscribed(8);
  REQUIRE(f.fetch());
  f.batches(0, 1, 4);
  REQUIRE(f.fetch()->from == Sequence{3});
  f.now += limits::kFetchTimeout;
  CHECK(f.fetch()->from == Sequence{3});
}

TEST_CASE("AReplyThatWaitsIsForgottenWithTheLogThatItIsOf") {
  Fixture f;
  f.subscribed(8);
  REQUIRE(f.fetch());
  f.batches(0, 1, 4);
  REQUIRE(f.fetch());
  SECTION("a new boot") {
    f.beacon(4, kNextBoot);
    CHECK(f.taken().empty());
    f.subscribed(8, kNextBoot);
    CHECK(f.fetch()->from == Sequence{1});
  }
  SECTION("another incarnation") {
    f.beacon(4, kBoot, kOther);
    CHECK(f.taken() == "diverged ");
  }
}

TEST_CASE("TheLastRangeThatWasAskedForAheadFollowsOnWhatWaits") {
  Fixture f;
  f.subscribed(4);
  REQUIRE(f.fetch());
  f.batches(0, 1, 2);
  REQUIRE(f.fetch());
  SECTION("batches") {
    f.batches(1, 2, 2);
    CHECK(f.taken() == "1 2 3 4 ");
    CHECK(f.state() == State::kJoin);
  }
  SECTION("damage") {
    f.reply(Corrupt{"a", kIncarnation, {3}, 2});
    CHECK(f.taken() == "1 2 -3+2:corrupt ");
  }
  SECTION("what was trimmed") {
    f.reply(Trimmed{"a", kIncarnation, {5}, {8}});
    CHECK(f.taken() == "1 2 -3+2:trimmed ");
  }
  SECTION("an error") {
    f.reply(ErrorReply{ErrorCode::kUnavailable, "busy"});
    CHECK(f.taken() == "1 2 ");
    CHECK(f.requests().empty());
    f.now += limits::kPollInterval;
    CHECK(f.fetch()->from == Sequence{3});
  }
  SECTION("a log rolled back") {
    f.reply(Diverged{"a", kIncarnation, {2}, "it was rolled back"});
    CHECK(f.taken() == "1 2 diverged ");
  }
  SECTION("of another log") {
    FakeLog other("other");
    other.batch(1);
    f.reply(Batches{"a", kIncarnation, {5}, false, {4}, {1}}, other.batch(1));
    CHECK(f.taken() == "1 2 diverged ");
  }
}

TEST_CASE("WhatIsBroadcastDuringTheFetchConnectsAfterIt") {
  Fixture f;
  f.subscribed(2);
  REQUIRE(f.fetch());
  f.broadcast(f.log.batch(1));
  f.broadcast(f.log.batch(2));
  CHECK(f.taken().empty());
  f.batches(0, 1, 1);
  CHECK(f.taken() == "1 2 3 4 5 6 ");
  CHECK(f.state() == State::kLive);
}

TEST_CASE("OfMuchThatIsBroadcastDuringTheFetchOnlyTheNewestIsKept") {
  Fixture f;
  f.log = FakeLog(std::string(4000, 'x'));
  std::size_t head = 1, bytes = 0;
  f.subscribed(2);
  REQUIRE(f.fetch());
  for (; bytes < 2 * limits::kLiveBufferBytesMax; ++head) {
    bytes += f.log.batch(head).size();
    f.broadcast(f.log.batch(head));
  }
  SECTION("it connects to the fetch that reaches it") {
    f.batches(0, head - 9, head - 9);
    CHECK(f.state() == State::kLive);
    CHECK(f.subscription.cursor().sequence == Sequence{2 * head});
  }
  SECTION("the oldest is gone, and fetched") {
    f.batches(0, 1, 1);
    CHECK(f.state() == State::kGap);
    CHECK(f.subscription.cursor().sequence == Sequence{2});
  }
}

TEST_CASE("AGarbledBroadcastDuringTheFetchIsAHoleOnceItIsOpened") {
  Fixture f;
  f.subscribed(2);
  REQUIRE(f.fetch());
  std::string body = f.log.batch(1);
  body.back() = static_cast<char>(body.back() ^ 1);
  f.broadcast(body);
  f.broadcast(f.log.batch(2));
  f.batches(0, 1, 1);
  CHECK(f.taken() == "1 2 ");
  CHECK(f.state() == State::kGap);
  CHECK(f.fetch()->from == Sequence{3});
  f.batches(1, 2, 2);
  CHECK(f.taken() == "3 4 5 6 ");
  CHECK(f.state() == State::kLive);
}

TEST_CASE("ABatchAheadOfTheCursorOpensAGapThatAFetchCloses") {
  Fixture f;
  f.go_live(1);
  f.broadcast(f.log.batch(2));
  CHECK(f.state() == State::kGap);
  CHECK(f.taken().empty());
  CHECK(f.fetch()->from == Sequence{3});
  f.batches(1, 3, 3);
  CHECK(f.taken() == "3 4 5 6 ");
  CHECK(f.state() == State::kJoin);
}

TEST_CASE("AHoleAtTheTailIsSeenByTheNextBeacon") {
  Fixture f;
  f.go_live(1);
  f.beacon(2);
  CHECK(f.state() == State::kGap);
  REQUIRE(f.fetch());
  f.batches(1, 2, 2);
  CHECK(f.taken() == "3 4 ");
}

TEST_CASE("ABeaconBelowTheCursorMeansNothing") {
  Fixture f;
  f.go_live(3);
  f.beacon(1);
  CHECK(f.state() == State::kLive);
  CHECK(f.taken().empty());
}

TEST_CASE("WhatWasAppliedBeforeIsDroppedAndAnOverlapIsTrimmed") {
  FakeLog log;
  Fixture f(Cursor{kIncarnation, {3}, 0});  // inside the second batch
  f.subscribed(4);
  REQUIRE(f.fetch());
  f.batches(1, 2, 2);
  CHECK(f.taken() == "4 ");
  f.beacon(2);
  f.broadcast(f.log.batch(0));
  f.broadcast(f.log.batch(1));
  CHECK(f.taken().empty());
  f.broadcast(f.log.batch(2));
  CHECK(f.taken() == "5 6 ");
}

TEST_CASE("AnOverdueBeaconIsPolledFor") {
  Fixture f;
  f.go_live(1);
  CHECK(f.requests().empty());
  f.now += milliseconds(251);
  CHECK(f.requests().empty());  // it fetched a moment ago
  f.now += limits::kPollInterval;
  CHECK(f.subscription.next_due() <= f.now);
  REQUIRE(f.fetch());
  SECTION("nothing new") {
    f.batches(1, 1, 1);
    CHECK(f.state() == State::kLive);
    CHECK(f.requests().empty());
    f.now += limits::kPollInterval;
    CHECK(f.fetch());
  }
  SECTION("all that is new") {
    f.batches(1, 2, 2);
    CHECK(f.taken() == "3 4 ");
  }
  SECTION("a part of what is new: the rest is fetched at once") {
    f.batches(1, 2, 3);
    CHECK(f.taken() == "3 4 ");
    CHECK(f.state() == State::kGap);
    CHECK(f.fetch());
  }
}

TEST_CASE("APollWhoseReplyIsLostIsNotWaitedForOnceBeaconsAreBack") {
  Fixture f;
  f.go_live(1);
  f.now += limits::kPollInterval + milliseconds(1);
  REQUIRE(f.fetch());
  f.beacon(1);
  f.now += limits::kFetchTimeout;
  f.beacon(1);
  CHECK(f.requests().empty());
  CHECK(f.subscription.next_due() > f.now);
}

TEST_CASE("AFetchWhoseReplyIsLostIsRepeatedAndALateReplyIsNotTakenForTheNext") {
  Fixture f;
  f.subscribed(2);
  REQUIRE(f.fetch());
  const auto first = f.last_id;
  CHECK(f.requests().empty());
  f.now += limits::kFetchTimeout;
  REQUIRE(f.fetch());
  f.subscription.on_reply({{first, kBoot}, Batches{"a", kIncarnation, {3}, false, {2}, {1}}},
                          Message(std::string_view(f.log.batch(0))), f.now);
  CHECK(f.taken().empty());
  f.batches(0, 1, 1);
  CHECK(f.taken() == "1 2 ");
}

TEST_CASE("AFetchWhoseReplyWasLateIsAskedForLessAndThenForMoreAgain") {
  Fixture f;
  f.subscribed(20);
  CHECK(f.fetch()->bytes == limits::kFetchReplyBytesMax);
  f.now += limits::kFetchTimeout;
  auto expected = limits::kFetchReplyBytesMin;
  CHECK(f.fetch()->bytes == expected);
  for (std::size_t i = 0; i < 6; ++i) {
    f.batches(i, i + 1, 10);
    static_cast<void>(f.taken());
    expected = std::min(2 * expected, limits::kFetchReplyBytesMax);
    CHECK(f.fetch()->bytes == expected);
  }
  CHECK(expected == limits::kFetchReplyBytesMax);
}

TEST_CASE("ARefusedFetchIsRepeatedAfterAPause") {
  Fixture f;
  f.subscribed(2);
  REQUIRE(f.fetch());
  f.reply(ErrorReply{ErrorCode::kUnavailable, "busy"});
  CHECK(f.requests().empty());
  CHECK(f.subscription.next_due() == f.now + limits::kPollInterval);
  f.now += limits::kPollInterval;
  CHECK(f.fetch());
}

// fetch replies that are not what they say

TEST_CASE("AReplyThatHoldsLessThanItSaysIsNotTakenForComplete") {
  Fixture f;
  f.subscribed(4);
  REQUIRE(f.fetch());
  f.reply(Batches{"a", kIncarnation, {5}, false, {2}, {1}}, f.log.batch(0));
  CHECK(f.taken() == "1 2 ");
  CHECK(f.state() == State::kFetch);
  CHECK(f.fetch()->from == Sequence{3});
}

TEST_CASE("OfAGarbledReplyTheSoundPartIsTakenAndTheRestAskedForAgain") {
  Fixture f;
  f.subscribed(4);
  REQUIRE(f.fetch());
  std::string bytes = f.log.range(0, 2);
  SECTION("a flipped bit") { bytes.back() = static_cast<char>(bytes.back() ^ 4); }
  SECTION("cut short") { bytes.resize(bytes.size() - 3); }
  SECTION("something appended") { bytes = f.log.batch(0) + "more"; }
  f.reply(Batches{"a", kIncarnation, {5}, false, {4}, {1}}, bytes);
  CHECK(f.taken() == "1 2 ");
  CHECK(f.state() == State::kFetch);
  CHECK(f.fetch()->from == Sequence{3});
}

TEST_CASE("WhatWasAskedForAfterAGarbledReplyIsNoGap") {
  Fixture f;
  f.subscribed(8);
  REQUIRE(f.fetch());
  std::string bytes = f.log.range(0, 2);
  bytes.back() = static_cast<char>(bytes.back() ^ 4);
  f.reply(Batches{"a", kIncarnation, {5}, true, {8}, {1}}, bytes);
  REQUIRE(f.fetch()->from == Sequence{5});
  SECTION("it comes first") {
    SECTION("damage") { f.reply(Corrupt{"a", kIncarnation, {5}, 2}); }
    SECTION("more") { f.batches(2, 3, 4); }
    SECTION("the last") { f.batches(2, 4, 4); }
    CHECK(f.taken() == "1 2 ");
  }
  SECTION("it comes late") {
    CHECK(f.taken() == "1 2 ");
    f.batches(2, 4, 4);
    CHECK(f.taken().empty());
  }
  CHECK(f.state() == State::kFetch);
  CHECK(f.subscription.undelivered_bytes() == 0);
  CHECK(f.fetch()->from == Sequence{3});
}

TEST_CASE("AReplyThatBringsNothingOnIsNotAskedForWithoutPause") {
  Fixture f;
  f.subscribed(4);
  REQUIRE(f.fetch());
  SECTION("empty") { f.reply(Batches{"a", kIncarnation, {5}, false, {4}, {1}}, ""); }
  SECTION("empty, with more after it") {
    f.reply(Batches{"a", kIncarnation, {1}, true, {4}, {1}}, "");
  }
  SECTION("a hole before it") {
    f.reply(Batches{"a", kIncarnation, {5}, false, {4}, {1}}, f.log.batch(1));
  }
  SECTION("trimmed where it is not") { f.reply(Trimmed{"a", kIncarnation, {1}, {4}}); }
  CHECK(f.taken().empty());
  CHECK(f.state() == State::kFetch);
  CHECK(f.requests().empty());
  f.now += limits::kPollInterval;
  CHECK(f.fetch());
}

TEST_CASE("AGarbledBroadcastIsAHoleLikeAnyOther") {
  Fixture f;
  f.go_live(1);
  std::string body = f.log.batch(1);
  body.back() = static_cast<char>(body.back() ^ 1);
  f.broadcast(body);
  CHECK(f.state() == State::kLive);
  f.broadcast(f.log.batch(2));
  CHECK(f.state() == State::kGap);
}

// gaps

}  // namespace
}  // namespace forebay::test
