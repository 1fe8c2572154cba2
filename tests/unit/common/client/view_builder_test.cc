#include "common/client/view_builder.h"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>

#include "common/event/event_codec.h"
#include "tests/support/batches.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

/// Keeps the sequence of each event it is given; refuses those of type `bad.happened`.
class ListHandler final : public Handler {
 public:
  std::vector<std::string> tables() const override { return {"seen"}; }
  Result<void> apply(const EventView& event, const EventContext& context,
                     ViewWriter& view) override {
    view.put(Table{0}, std::to_string(context.sequence.value), context.replayed ? "r" : "l");
    if (event.type == "bad.happened") return fail(ErrorCode::kBadInput, "refused by the test");
    return {};
  }
};

constexpr MonoTime kNow{std::chrono::seconds(10)};
constexpr WallTime kWall{std::chrono::seconds(20)};

/// A log of batches, and a builder that is given what it asks for.
class LogAndBuilder {
 public:
  explicit LogAndBuilder(ViewBuilder::StreamPlan plan, const std::string& consumer = "",
                         bool replayed = true)
      : store_(ConsumerStore::open(dir_ / "view", handler_.tables()).value()),
        builder_(
            ViewBuilder::make(*store_, handler_, consumer, {std::move(plan)}, replayed).value()) {}

  /// A fetch that went out before the first beacon counts as one to another boot.
  void hear_first_beacon() { beacon(incarnation_, boot_, Sequence{0}); }

  void append(const std::vector<std::string>& types) {
    std::vector<std::string> records(types.size());
    for (std::size_t i = 0; i < types.size(); ++i)
      REQUIRE(encode_event({types[i], "", std::nullopt, "", {}}, WallTime{}, records[i]));
    BatchOrigin origin = test::sample_origin();
    origin.incarnation = incarnation_;
    batches_.push_back(test::published_batch(records, "\x80", origin));
    checksum_ =
        set_batch_place(batches_.back().data(), {head_ + 1, wall_from_unix_ns(1), checksum_});
    head_ = head_ + types.size();
  }

  /// Answers one fetch with everything; commits what came of it in one group.
  void serve(std::size_t group_bytes_max = 1 << 20) {
    Subscription* subscription = builder_->subscription("a");
    for (const auto& [envelope, request] : subscription->take_requests(kNow, next_id_)) {
      REQUIRE(std::holds_alternative<Fetch>(request));
      std::string bytes;
      for (const std::string& batch : batches_) {
        if (parse_batch_header(batch)->last() >= std::get<Fetch>(request).from) bytes += batch;
      }
      subscription->on_reply(
          {{envelope.id, boot_}, Batches{"a", incarnation_, head_ + 1, false, head_, Sequence{1}}},
          Message(std::string_view(bytes)), kNow);
    }
    REQUIRE(builder_->apply(group_bytes_max));
    REQUIRE(builder_->commit(kWall));
  }

  void beacon(const Incarnation& incarnation, const BootId& boot, Sequence head) {
    const Beacon beacon{
        incarnation, boot, head, Sequence{1}, WallTime{}, 0, std::chrono::milliseconds(200), {}};
    builder_->subscription("a")->on_broadcast(Message(std::string_view(encode_beacon(beacon))),
                                              kNow);
    REQUIRE(builder_->apply(1 << 20));
    REQUIRE(builder_->commit(kWall));
  }

  CursorRecord record() const { return store_->cursor(store_->store().read(), "a")->value(); }
  std::vector<std::uint64_t> seen() const {
    std::vector<std::uint64_t> sequences;
    store_->store().read().for_each(Table{0}, "", [&](std::string_view key, std::string_view) {
      sequences.push_back(std::stoull(std::string(key)));
      return true;
    });
    return sequences;
  }

  test::TempDir dir_;
  ListHandler handler_;
  std::unique_ptr<ConsumerStore> store_;
  std::optional<ViewBuilder> builder_;
  Incarnation incarnation_ = kIncarnation;
  BootId boot_ = BootId::random();
  std::vector<std::string> batches_;
  Sequence head_;
  std::uint64_t checksum_ = 0;
  std::uint64_t next_id_ = 1;

  static inline const Incarnation kIncarnation = Incarnation::random();
};

ViewBuilder::StreamPlan plan_of(Sequence after, std::optional<Sequence> until) {
  return {"a", {}, Cursor{LogAndBuilder::kIncarnation, after, 0}, until};
}

const std::vector<std::string> kThree{"it.happened", "it.happened", "it.happened"};

TEST_CASE("ARangeBeginsAndEndsInTheMidstOfBatches") {
  LogAndBuilder log(plan_of(Sequence{1}, Sequence{5}));
  log.hear_first_beacon();
  log.append(kThree);
  log.append(kThree);
  log.serve();
  CHECK(log.seen() == std::vector<std::uint64_t>{2, 3, 4, 5});
  CHECK(log.record().cursor.sequence == Sequence{5});
  CHECK(log.builder_->streams().at("a").finished());
  CHECK(log.builder_->subscriptions().empty());
  CHECK(log.builder_->subscription("a") == nullptr);  // what is broadcast on does not pile up in it
}

TEST_CASE("AGroupEndsWithTheBatchThatFillsIt") {
  LogAndBuilder log(plan_of(Sequence{0}, std::nullopt));
  log.hear_first_beacon();
  for (int i = 0; i < 3; ++i) log.append({"it.happened"});
  const std::size_t bytes = log.batches_[0].size();
  SECTION("one byte") {
    log.serve(1);
    CHECK(log.seen() == std::vector<std::uint64_t>{1});
  }
  SECTION("a batch to the byte") {
    log.serve(bytes);
    CHECK(log.seen() == std::vector<std::uint64_t>{1});
  }
  SECTION("a batch and a byte") {
    log.serve(bytes + 1);
    CHECK(log.seen() == std::vector<std::uint64_t>{1, 2});
  }
  CHECK(log.record().cursor.sequence == Sequence{log.seen().size()});
  log.serve();  // nothing is asked for: the rest lies there
  CHECK(log.seen() == std::vector<std::uint64_t>{1, 2, 3});
}

TEST_CASE("ARefusedEventLeavesOnlyItsRecord") {
  LogAndBuilder log(plan_of(Sequence{0}, std::nullopt));
  log.hear_first_beacon();
  log.append({"it.happened", "bad.happened", "it.happened"});
  log.serve();
  CHECK(log.seen() == std::vector<std::uint64_t>{1, 3});
  CHECK(log.record().failed == 1);
  CHECK(log.record().cursor.sequence == Sequence{3});
  const auto failed = log.store_->failed(log.store_->store().read(), "a", 10).value();
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].sequence == Sequence{2});
  CHECK(failed[0].reason == "refused by the test");
}

TEST_CASE("AFloodOfRefusedEventsIsNotAFloodOfLines") {
  std::ostringstream said;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_st>(said)));
  LogAndBuilder log(plan_of(Sequence{0}, std::nullopt));
  log.hear_first_beacon();
  log.append(std::vector<std::string>(1000, "bad.happened"));
  log.serve();
  spdlog::set_default_logger(before);
  CHECK(log.record().failed == 1000);
  const std::string text = said.str();
  CHECK(std::count(text.begin(), text.end(), '\n') == 10);
}

TEST_CASE("WhatIsNotCommittedHasNoEffect") {
  LogAndBuilder log(plan_of(Sequence{0}, std::nullopt));
  log.hear_first_beacon();
  log.append(kThree);
  Subscription* subscription = log.builder_->subscription("a");
  const auto requests = subscription->take_requests(kNow, log.next_id_);
  subscription->on_reply({{requests.at(0).first.id, log.boot_},
                          Batches{"a", log.incarnation_, Sequence{4}, false, Sequence{3}, {1}}},
                         Message(std::string_view(log.batches_[0])), kNow);
  REQUIRE(log.builder_->apply(1 << 20).value() > 0);
  CHECK(log.seen().empty());
  REQUIRE(log.builder_->commit(kWall).value());
  CHECK(log.seen().size() == 3);
  CHECK_FALSE(log.builder_->commit(kWall).value());
}

/// A consumer "c" that registers, and has applied a log of three.
class Applied : public LogAndBuilder {
 public:
  Applied() : LogAndBuilder(plan_of(Sequence{0}, std::nullopt), "c", false) {
    hear_first_beacon();
    subscribed(Sequence{0});
    append(kThree);
    serve();
    REQUIRE(record().cursor.sequence == Sequence{3});
  }
  /// Answers its registration.
  void subscribed(Sequence shared) {
    const auto requests = builder_->subscription("a")->take_requests(kNow, next_id_);
    REQUIRE(requests.size() == 1);
    REQUIRE(std::holds_alternative<Subscribe>(requests[0].second));
    builder_->subscription("a")->on_reply(
        {{requests[0].first.id, boot_},
         Subscribed{"a", incarnation_, Sequence{3}, head_, Sequence{1}, shared}},
        {}, kNow);
    REQUIRE(builder_->apply(1 << 20));
    REQUIRE(builder_->commit(kWall));
  }
  /// The sidecar comes back with another log, which goes on to `head`.
  void replace(Sequence head) {
    incarnation_ = Incarnation::random();
    boot_ = BootId::random();
    head_ = head;
    beacon(incarnation_, boot_, head);
    REQUIRE(record().diverged);
  }
};

TEST_CASE("AdoptingGoesOnWhereTheLogsPartedHoweverFarTheNewOneHasCome") {
  Applied log;
  CHECK(log.builder_->adopt("a", kWall).error().code == ErrorCode::kBadInput);
  CHECK(log.builder_->adopt("b", kWall).error().code == ErrorCode::kNotFound);
  log.replace(Sequence{9});
  SECTION("told to the one that saw it") {}
  SECTION("told to one that began diverged") {
    log.builder_.emplace(
        ViewBuilder::make(*log.store_, log.handler_, "c", {plan_of({}, {})}, false).value());
  }
  CHECK(log.builder_->adopt("a", kWall).error().code == ErrorCode::kUnavailable);
  log.beacon(log.incarnation_, log.boot_, log.head_);  // does not tell where they parted
  CHECK(log.builder_->adopt("a", kWall).error().code == ErrorCode::kUnavailable);
  log.subscribed(Sequence{2});
  REQUIRE(log.builder_->adopt("a", kWall));
  CHECK_FALSE(log.record().diverged);
  CHECK(log.record().cursor.sequence == Sequence{2});
  CHECK(log.record().cursor.incarnation == log.incarnation_);
}

/// When the live view of "a" applied a sequence.
std::optional<WallTime> applied_at(const LogAndBuilder& log, std::uint64_t sequence) {
  const ReadTransaction read = log.store_->store().read();
  return log.store_->apply_times().find(read, "a", Sequence{sequence}).value();
}

TEST_CASE("ALiveViewKeepsWhenItAppliedWhatAndOneThatIsBuiltBesideItDoesNot") {
  const bool beside = GENERATE(false, true);
  LogAndBuilder log(plan_of(Sequence{1}, std::nullopt), "", beside);
  log.hear_first_beacon();
  log.append(kThree);
  log.serve();
  REQUIRE(log.record().cursor.sequence == Sequence{3});
  CHECK(applied_at(log, 1) == std::nullopt);
  CHECK(applied_at(log, 2) == (beside ? std::nullopt : std::optional(kWall)));
  CHECK(applied_at(log, 3) == (beside ? std::nullopt : std::optional(kWall)));
  CHECK(applied_at(log, 4) == std::nullopt);
}

TEST_CASE("WhatAnAdoptionWentBackBehindWasNotAppliedYet") {
  Applied log;
  REQUIRE(applied_at(log, 3) == kWall);
  log.replace(Sequence{9});
  log.subscribed(Sequence{2});
  REQUIRE(log.builder_->adopt("a", kWall));
  CHECK(applied_at(log, 2) == kWall);
  CHECK(applied_at(log, 3) == std::nullopt);
}

TEST_CASE("WhatTheLogBeforeLackedIsNotTakenForAGapOfTheAdoptedOne") {
  Applied log;
  WriteTransaction write = log.store_->store().write();
  REQUIRE(log.store_->put_gap(write, "a", Sequence{3}, 500, "trimmed"));
  REQUIRE(log.store_->put_failed(write, "a", Sequence{3}, kWall, "refused", "event"));
  REQUIRE(write.commit());
  log.replace(Sequence{9});
  log.subscribed(Sequence{2});
  REQUIRE(log.builder_->adopt("a", kWall));
  const ReadTransaction read = log.store_->store().read();
  CHECK(log.store_->gaps(read, "a")->empty());
  CHECK_FALSE(log.store_->failed_at(read, "a", Sequence{3}).value());
}

TEST_CASE("AdoptingALogThatPartedLaterGoesOnAtTheCursor") {
  Applied log;
  log.replace(Sequence{9});
  log.subscribed(Sequence{7});
  REQUIRE(log.builder_->adopt("a", kWall));
  CHECK(log.record().cursor.sequence == Sequence{3});
}

TEST_CASE("AdoptingFromBeforeItsStartBeginsThereFromThenOn") {
  Applied log;
  CursorRecord record = log.record();
  record.start = Sequence{3};
  record.diverged = true;
  WriteTransaction write = log.store_->store().write();
  REQUIRE(log.store_->put_cursor(write, "a", record).has_value());
  REQUIRE(write.commit().has_value());
  log.builder_.emplace(
      ViewBuilder::make(*log.store_, log.handler_, "c", {plan_of({}, {})}, false).value());
  log.incarnation_ = Incarnation::random();
  log.subscribed(Sequence{1});
  REQUIRE(log.builder_->adopt("a", kWall));
  CHECK(log.record().start == Sequence{1});  // a rebuild would lack 2 and 3 otherwise
}

TEST_CASE("ALogThatABatchNamedFirstIsTheOneAdopted") {
  Applied log;
  log.beacon(log.incarnation_, log.boot_, Sequence{3});  // LIVE
  const Incarnation old = std::exchange(log.incarnation_, Incarnation::random());
  log.head_ = Sequence{0};
  log.checksum_ = 0;
  log.append({"it.happened"});
  log.builder_->subscription("a")->on_broadcast(Message(std::string_view(log.batches_.back())),
                                                kNow);
  REQUIRE(log.builder_->apply(1 << 20));
  REQUIRE(log.builder_->commit(kWall));
  REQUIRE(log.record().diverged);
  CHECK(log.builder_->adopt("a", kWall).error().code == ErrorCode::kUnavailable);
  log.boot_ = BootId::random();
  log.beacon(log.incarnation_, log.boot_, Sequence{1});
  log.subscribed(Sequence{0});
  REQUIRE(log.builder_->adopt("a", kWall));
  CHECK(log.record().cursor.incarnation == log.incarnation_);
  CHECK(log.record().cursor.incarnation != old);
  CHECK(log.record().cursor.sequence == Sequence{0});
}

}  // namespace
}  // namespace forebay
