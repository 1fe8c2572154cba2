// How much a consumer applies in one transaction, to its live view and to one that it builds.
#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "common/client/consumer.h"
#include "tests/support/eventually.h"
#include "tests/support/made_batches.h"
#include "tests/support/scripted_sidecar.h"

namespace forebay {
namespace {

using test::id_of;

/// Keeps, of each event that it is given, how much was committed before.
class CommittedBeforeHandler final : public Handler {
 public:
  std::vector<std::string> tables() const override { return {"none"}; }
  Result<void> apply(const EventView&, const EventContext& context, ViewWriter&) override {
    if (context.replayed) {
      built.push_back(consumer->build_progress().applied);
    } else {
      live.push_back(consumer->status().at("a").record.cursor.sequence.value);
    }
    return {};
  }
  Consumer* consumer = nullptr;
  std::vector<std::uint64_t> live, built;
};

/// More batches, of one large event each, than a group takes; a fetch from the beginning brings all.
class LargeLog {
 public:
  LargeLog() {
    std::string encoded;
    REQUIRE(encode_event(test::large_event(), WallTime{}, encoded));
    std::uint64_t checksum = 0;
    for (std::uint64_t i = 0; i < kBatches; ++i) {
      BatchBuilder builder(std::string(1, '\x80'));
      builder.append(encoded);
      std::string batch = builder.finish();
      set_batch_origin(batch.data(), {kIncarnation, {7}, {1}, {i}, {i + 1}});
      checksum = set_batch_place(batch.data(), {{i + 1}, {}, checksum});
      bytes_ += batch;
    }
    batch_bytes_ = bytes_.size() / kBatches;
  }
  [[nodiscard]] std::vector<test::ScriptedSidecar::Answer> answer(
      const RequestMessage& request) const {
    const std::uint64_t id = request.envelope.id;
    if (std::holds_alternative<Subscribe>(request.body))
      return {{id, Subscribed{"a", kIncarnation, {0}, {kBatches}, {1}, {}}, {}}};
    const auto* fetch = std::get_if<Fetch>(&request.body);
    if (fetch == nullptr) return {};
    return {{id, Batches{"a", kIncarnation, {kBatches + 1}, false, {kBatches}, {1}},
             fetch->from == Sequence{1} ? bytes_ : std::string()}};
  }
  /// What each event finds committed, if a group ends with the batch that fills it.
  [[nodiscard]] std::vector<std::uint64_t> committed_before() const {
    const std::uint64_t group = (limits::kApplyGroupBytesMax + batch_bytes_ - 1) / batch_bytes_;
    std::vector<std::uint64_t> before;
    for (std::uint64_t i = 0; i < kBatches; ++i) before.push_back(i / group * group);
    return before;
  }

  static constexpr std::uint64_t kBatches =
      limits::kApplyGroupBytesMax / limits::kEventBytesMax + 3;

 private:
  static inline const Incarnation kIncarnation = id_of<Incarnation>('A');
  std::string bytes_;
  std::size_t batch_bytes_ = 0;
};

TEST_CASE("AConsumerCommitsWithTheBatchThatFillsAGroup") {
  const LargeLog log;
  const test::ScriptedSidecar sidecar(
      [&](const RequestMessage& request) { return log.answer(request); });
  const test::TempDir dir;
  CommittedBeforeHandler handler;
  const auto consumer = Consumer::open({.name = "node",
                                        .state_dir = dir.path().string(),
                                        .links = {{sidecar.endpoint(),
                                                   "ipc://" + (dir / "broadcast"),
                                                   {{"a", SubscriptionStart{}}}}}},
                                       handler)
                            .value();
  handler.consumer = consumer.get();
  consumer->start();
  REQUIRE(test::eventually([&] {
    return consumer->status().at("a").record.cursor.sequence == Sequence{LargeLog::kBatches};
  }));
  REQUIRE(consumer->build({}, {}, {}));
  REQUIRE(test::eventually([&] { return !consumer->build_progress().running; }));
  CHECK_FALSE(consumer->build_progress().error);
  consumer->stop();
  CHECK(handler.live == log.committed_before());
  CHECK(handler.built == log.committed_before());
}

}  // namespace
}  // namespace forebay
