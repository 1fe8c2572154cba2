#include "common/client/replay.h"

#include <catch2/catch.hpp>
#include <deque>

#include "common/base/limits.h"
#include "common/client/caused_by.h"
#include "common/event/batch.h"
#include "common/event/event_codec.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

/// Keeps no view; remembers what it saw, and refuses what is called so.
class SeeingHandler final : public Handler {
 public:
  std::vector<std::string> tables() const override { return {}; }
  Result<void> apply(const EventView& event, const EventContext& context, ViewWriter&) override {
    if (event.type == "refused") return fail(ErrorCode::kBadInput, reason);
    last_id = event_id(event, context);
    seen.push_back(std::string(context.stream) + ' ' + std::to_string(context.sequence.value) +
                   ' ' + std::string(event.type) + ' ' +
                   std::to_string(unix_ns(context.commit_time)) +
                   (context.replayed ? " replayed" : " live"));
    return {};
  }
  std::vector<std::string> seen;
  std::string last_id;
  std::string reason = "not this one";
};

std::string encoded(const std::string& type) {
  std::string bytes;
  REQUIRE(encode_event(Event{.type = type}, wall_from_unix_ns(7), bytes));
  return bytes;
}

/// Nine shared attributes, of so many bytes together: encode_attributes makes no more than may be.
std::string shared_of(std::size_t bytes) {
  constexpr std::size_t kCount = 9;
  std::string shared = "\x89";
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::size_t size = (bytes - shared.size()) / (kCount - i) - 5;  // name and length
    shared += {'\xa1', static_cast<char>('a' + i), '\xda', static_cast<char>(size >> 8),
               static_cast<char>(size)};
    shared.append(size, 'x');
  }
  return shared;
}

class ReplayTest {
 public:
  ReplayOutcome replay(const std::string& bytes) {
    const auto request = decode_replay(bytes);
    REQUIRE(request);
    return replay_events(handler_, *store_, *request);
  }

  test::TempDir dir_;
  std::unique_ptr<Store> store_ = Store::open(dir_ / "store", {}).value();
  SeeingHandler handler_;
};

TEST_CASE_METHOD(ReplayTest, "TheHandlerSeesReplayedEventsInOrderAndMarked") {
  const std::string one = encoded("a"), two = encoded("b");
  const std::string bytes = encode_replay(
      {"orders", wall_from_unix_ns(12), "\x80", {{Sequence{4}, one}, {Sequence{9}, two}}});
  CHECK(is_replay(bytes));
  const ReplayOutcome outcome = replay(bytes);
  CHECK(outcome.applied == 2);
  CHECK(outcome.refused.empty());
  CHECK(handler_.seen ==
        std::vector<std::string>{"orders 4 a 12 replayed", "orders 9 b 12 replayed"});
}

TEST_CASE_METHOD(ReplayTest, "AReplayedEventWithoutAnIdHasTheIdItAlwaysHad") {
  const std::string event = encoded("a");
  constexpr std::uint64_t kLarge = 0xfedc'ba98'7654'3210;
  replay(encode_replay({"orders",
                        WallTime{},
                        "\x80",
                        {{Sequence{4}, event}},
                        ProducerId{kLarge},
                        ProducerSequence{kLarge + 1},
                        Sequence{2}}));
  BatchHeader batch;
  batch.origin.producer = ProducerId{kLarge};
  batch.origin.last = ProducerSequence{kLarge + 1};
  CHECK(handler_.last_id == derived_event_id(batch, 2));
}

TEST_CASE_METHOD(ReplayTest, "ARefusedEventIsNamedAndTheRestGoesOn") {
  const std::string one = encoded("refused"), two = encoded("b");
  const std::string broken = "\xc0";
  const ReplayOutcome outcome =
      replay(encode_replay({"orders",
                            WallTime{},
                            "\x80",
                            {{Sequence{1}, one}, {Sequence{2}, broken}, {Sequence{3}, two}}}));
  CHECK(outcome.applied == 1);
  REQUIRE(outcome.refused.size() == 2);
  CHECK(outcome.refused[0].sequence == Sequence{1});
  CHECK(outcome.refused[0].reason == "not this one");
  CHECK(outcome.refused[1].sequence == Sequence{2});
}

TEST_CASE_METHOD(ReplayTest, "ARefusalsReasonIsCutOff") {
  handler_.reason = std::string(2 * limits::kFailedReasonBytesMax, 'r');
  const std::string event = encoded("refused");
  const ReplayOutcome outcome =
      replay(encode_replay({"orders", WallTime{}, "\x80", {{Sequence{1}, event}}}));
  REQUIRE(outcome.refused.size() == 1);
  CHECK(outcome.refused[0].reason == std::string(limits::kFailedReasonBytesMax, 'r'));
}

TEST_CASE_METHOD(ReplayTest, "ARequestHoldsNoMoreEventsThanABatch") {
  ReplayRequest request{"orders", WallTime{}, "\x80", {}};
  request.events.assign(limits::kBatchEventsMax, {Sequence{1}, "\xc0"});
  CHECK(decode_replay(encode_replay(request)));
  request.events.push_back({Sequence{1}, "\xc0"});
  CHECK_FALSE(decode_replay(encode_replay(request)));
}

TEST_CASE_METHOD(ReplayTest, "SharedAttributesAreAsManyBytesAsABatchMayHave") {
  const std::string most = shared_of(limits::kSharedBytesMax);
  REQUIRE(most.size() == limits::kSharedBytesMax);
  CHECK(decode_replay(encode_replay({"orders", WallTime{}, most, {}})));
  const std::string more = shared_of(limits::kSharedBytesMax + 1);
  CHECK_FALSE(decode_replay(encode_replay({"orders", WallTime{}, more, {}})));
}

TEST_CASE_METHOD(ReplayTest, "EveryTruncationAndFlippedBitIsRefusedOrRead") {
  const std::string event = encoded("a");
  const std::string bytes = encode_replay({"orders", WallTime{}, "\x80", {{Sequence{1}, event}}});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(decode_replay(std::string_view(bytes).substr(0, size)));
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    if (const auto request = decode_replay(damaged))
      static_cast<void>(replay_events(handler_, *store_, *request));
  }
  CHECK_FALSE(decode_replay(bytes + "x"));
  CHECK_FALSE(is_replay(""));
  CHECK_FALSE(is_replay("\x81\xa2op\xa6status"));
}

}  // namespace
}  // namespace forebay
