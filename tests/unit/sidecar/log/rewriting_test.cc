#include "sidecar/log/rewriting.h"

#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "tests/support/made_batches.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

TEST_CASE("ALogIsRewrittenInTransactionsOfSoManyBytes") {
  const test::TempDir dir;
  const auto log = Log::open({dir / "log", {"a"}, std::nullopt});
  REQUIRE(log.has_value());
  const StreamIndex stream{0};
  constexpr std::uint32_t kEvents = 250;
  std::string batch = test::make_batch({{}, {7}, {1}, {0}, {kEvents}}, kEvents,
                                       std::string(limits::kAttributeBytesMax, 'x'));
  const std::uint64_t batches = 3 * limits::kCommitBytesMax / batch.size();
  Rewriting out(**log);
  out.start_at(stream, Sequence{1});
  for (std::uint64_t i = 0; i < batches; ++i) {
    set_batch_place(batch.data(), {Sequence{1 + i * kEvents}, {}, 0});
    out.batch(stream, *BatchView::parse(batch));
    const std::uint64_t held = out.next(stream).value - (*log)->stream(stream).next.value;
    CHECK(held / kEvents * batch.size() <= limits::kCommitBytesMax);
  }
  REQUIRE(out.finish().has_value());
  CHECK((*log)->stream(stream).next == Sequence{1 + batches * kEvents});
}

}  // namespace
}  // namespace forebay
