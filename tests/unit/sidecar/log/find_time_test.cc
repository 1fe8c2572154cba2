// Bisection by time against a look at every batch.
#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "sidecar/log/log.h"
#include "tests/support/made_batches.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

TEST_CASE("AStartTimeIsFoundAsByLookingAtEveryBatch") {
  const bool holds = rc::check([] {
    const test::TempDir dir;
    auto log = Log::open({dir / "log", {"a"}, std::uint64_t{8} << 20});
    RC_ASSERT(log.has_value());
    std::vector<std::pair<WallTime, Sequence>> batches;  // commit time, base
    const auto count = *rc::gen::inRange(0, 40);
    auto transaction = (*log)->begin();
    WallTime now{};
    for (int i = 0; i < count; ++i) {
      now += std::chrono::seconds(*rc::gen::inRange(0, 3));
      const auto events = *rc::gen::inRange<std::uint32_t>(1, 6);
      std::string batch =
          test::make_batch({(*log)->stream({0}).incarnation, {1}, {1}, {0}, {events}}, events);
      const auto header = transaction.append({0}, batch, batch.data(), now);
      RC_ASSERT(header.has_value());
      batches.emplace_back(now, header->first());
    }
    const auto trimmed =
        transaction.trim({0}, static_cast<std::size_t>(*rc::gen::inRange(0, count + 1)),
                         [](const BatchHeader&) { return true; });
    RC_ASSERT(trimmed.has_value());
    batches.erase(batches.begin(), batches.begin() + static_cast<std::ptrdiff_t>(*trimmed));
    RC_ASSERT(transaction.commit().has_value());
    for (int second = -1; second < 3 * count + 2; ++second) {
      const WallTime wanted{std::chrono::seconds(second)};
      const auto naive = std::find_if(batches.begin(), batches.end(),
                                      [&](const auto& batch) { return batch.first >= wanted; });
      const Sequence expected = naive == batches.end() ? (*log)->stream({0}).next : naive->second;
      const auto found = (*log)->snapshot().find_time({0}, wanted);
      RC_ASSERT(found.has_value());
      RC_ASSERT(found->value == expected.value);
    }
  });
  CHECK(holds);
}

}  // namespace
}  // namespace forebay
