#include "common/client/subscription.h"

#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "tests/support/made_batches.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;
using test::id_of;
using State = Subscription::State;

const Incarnation kIncarnation = id_of<Incarnation>('A');
const Incarnation kOther = id_of<Incarnation>('B');
const BootId kBoot = id_of<BootId>('b');
const BootId kNextBoot = id_of<BootId>('c');

/// A log as a list of batches of two events each: batch i holds sequences 2i + 1 and 2i + 2.
struct FakeLog {
  explicit FakeLog(std::string content = "it") : subject(std::move(content)) {}
  const std::string& batch(std::size_t index) {
    while (batches.size() <= index) {
      const auto before = batches.empty() ? 0 : parse_batch_header(batches.back())->checksum;
      const std::uint64_t base = 2 * batches.size() + 1;
      batches.push_back(test::make_committed({kIncarnation, {7}, {1}, {base - 1}, {base + 1}},
                                             {{base}, {}, before}, 2, subject));
    }
    return batches[index];
  }
  std::uint64_t checksum(std::size_t index) { return parse_batch_header(batch(index))->checksum; }
  std::string range(std::size_t first, std::size_t end) {
    std::string bytes;
    for (std::size_t i = first; i < end; ++i) bytes += batch(i);
    return bytes;
  }
  std::string subject;
  std::vector<std::string> batches;
};

struct Fixture {
  explicit Fixture(std::optional<Cursor> cursor = Cursor{kIncarnation, {0}, 0},
                   SubscriptionStart start = {})
      : subscription("a", "c", cursor, std::move(start)) {}

  std::vector<Request> requests() {
    std::vector<Request> all;
    for (auto& [envelope, request] : subscription.take_requests(now, next_id)) {
      last_id = envelope.id;
      all.push_back(std::move(request));
    }
    return all;
  }
  std::optional<Fetch> fetch() {
    auto all = requests();
    if (all.size() != 1 || !std::holds_alternative<Fetch>(all[0])) return std::nullopt;
    return std::get<Fetch>(all[0]);
  }
  void reply(Reply body, const std::string& batches = {}, const BootId& boot = kBoot) {
    subscription.on_reply({{last_id, boot}, std::move(body)}, Message(std::string_view(batches)),
                          now);
  }
  void subscribed(std::uint64_t head = 0, const BootId& boot = kBoot,
                  const Incarnation& incarnation = kIncarnation) {
    REQUIRE(requests().size() == 1);
    reply(Subscribed{"a", incarnation, {0}, {head}, {1}}, {}, boot);
  }
  /// The reply that holds batches first … end − 1 of a log of `head` batches.
  void batches(std::size_t first, std::size_t end, std::size_t head) {
    reply(Batches{"a", kIncarnation, {2 * end + 1}, end < head, {2 * head}, {1}},
          log.range(first, end));
  }
  void broadcast(const std::string& body) {
    subscription.on_broadcast(Message(std::string_view(body)), now);
  }
  void beacon(std::size_t head, const BootId& boot = kBoot,
              const Incarnation& incarnation = kIncarnation) {
    Beacon beacon;
    beacon.incarnation = incarnation;
    beacon.boot = boot;
    beacon.head = Sequence{2 * head};
    beacon.head_checksum = head == 0 ? 0 : log.checksum(head - 1);
    beacon.next_due = milliseconds(250);
    broadcast(encode_beacon(beacon));
  }
  /// Live after the first `head` batches, all taken.
  void go_live(std::size_t head) {
    subscribed(2 * head);
    REQUIRE(fetch());
    batches(0, head, head);
    taken();
    beacon(head);
    REQUIRE(state() == State::kLive);
  }
  /// What was delivered since the last call: sequences, "-" before lost ones, "start", "diverged".
  std::string taken() {
    std::string text;
    while (const auto delivery = subscription.next_delivery()) {
      if (const auto* events = std::get_if<Subscription::Events>(&*delivery)) {
        const BatchHeader& header = events->batch.header();
        for (auto at = header.first() + events->skip; at < header.next(); at = at + 1)
          text += std::to_string(at.value) + " ";
      } else if (const auto* missing = std::get_if<Subscription::Missing>(&*delivery)) {
        text += "-" + std::to_string(missing->first.value) + "+" + std::to_string(missing->count) +
                ":" + missing->reason + " ";
      } else if (const auto* started = std::get_if<Subscription::Started>(&*delivery)) {
        text += "start" + std::to_string(started->cursor.sequence.value) + " ";
      } else {
        text += "diverged ";
      }
    }
    return text;
  }
  State state() const { return subscription.state(); }

  FakeLog log;
  Subscription subscription;
  MonoTime now{std::chrono::hours(1)};
  std::uint64_t next_id = 1;
  std::uint64_t last_id = 0;
};

// start

TEST_CASE("AStartIsResolvedAndCommittedBeforeTheFirstFetch") {
  Fixture f(std::nullopt, {"time", wall_from_unix_ns(99)});
  const auto requests = f.requests();
  REQUIRE(requests.size() == 1);
  const auto& request = std::get<Subscribe>(requests[0]);
  CHECK(request.start == "time");
  CHECK(request.time_ns == 99);
  f.reply(Subscribed{"a", kIncarnation, {4}, {6}, {1}});
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
  f.reply(Subscribed{"a", kIncarnation, {4}, {4}, {1}});
  CHECK(f.fetch()->checksum == log.checksum(1));
}

TEST_CASE("ARegistrationThatGetsLostIsRepeated") {
  Fixture f;
  CHECK(f.requests().size() == 1);
  CHECK(f.requests().empty());
  f.now += limits::kFetchTimeout;
  CHECK(f.requests().size() == 1);
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

TEST_CASE("ItAsksForMoreOnlyWhenEverythingIsTaken") {
  Fixture f;
  f.subscribed(4);
  REQUIRE(f.fetch());
  f.batches(0, 1, 2);
  CHECK(f.requests().empty());
  f.taken();
  CHECK(f.fetch()->from == Sequence{3});
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

TEST_CASE("AReplyThatBringsNothingOnIsNotAskedForWithoutPause") {
  Fixture f;
  f.subscribed(4);
  REQUIRE(f.fetch());
  SECTION("empty") { f.reply(Batches{"a", kIncarnation, {5}, false, {4}, {1}}, ""); }
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

TEST_CASE("OneThatBeginsDivergedAsCommittedStaysSo") {
  Fixture f;
  f.subscription.begin_diverged();
  f.subscribed(2);
  f.broadcast(f.log.batch(0));
  CHECK(f.requests().empty());
  CHECK(f.taken().empty());
}

// what is told of it

TEST_CASE("CoveredIsWhenTheCursorLastReachedAHeadThatWasHeardOf") {
  Fixture f;
  CHECK_FALSE(f.subscription.covered());
  f.go_live(1);
  const MonoTime then = f.now;
  CHECK(f.subscription.covered() == then);
  f.now += milliseconds(100);
  f.beacon(2);
  CHECK(f.subscription.covered() == then);
  CHECK(f.subscription.head() == Sequence{4});
  REQUIRE(f.fetch());
  f.batches(1, 2, 2);
  CHECK(f.subscription.covered() == f.now);
}

}  // namespace
}  // namespace forebay
