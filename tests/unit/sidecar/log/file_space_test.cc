// The room of a log's file.
#include "sidecar/log/file_space.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "tests/support/log_steps.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

using test::append;
using test::at;
using test::kFirst;
using test::make_batch;
using test::open_log;
using test::TempDir;
using test::trim;

TEST_CASE("AtItsByteLimitTheLogIsFullUntilItIsTrimmed") {
  const TempDir dir;
  auto log = Log::open({dir / "log", {"a"}, std::uint64_t{24} << 20});
  REQUIRE(log.has_value());
  const std::string subject(4000, 's');
  const auto put = [&] { return append(**log, kFirst, at(1), 60, subject); };
  int batches = 0;
  while ((*log)->ensure_space(240'000)) {
    put();
    REQUIRE(++batches < 200);
  }
  const auto full = (*log)->ensure_space(240'000);
  CHECK(full.error().code == ErrorCode::kFull);
  CHECK_THAT(full.error().message, Catch::Contains("disk_max"));
  CHECK((*log)->stream(kFirst).bytes > 10'000'000);
  trim(**log, kFirst, static_cast<std::size_t>(batches));
  append(**log, kFirst, at(2));  // pages freed by one commit can be used by the next but one
  REQUIRE((*log)->ensure_space(240'000).has_value());
  for (int i = 0; i < batches / 2; ++i) put();
  struct stat status {};
  REQUIRE(::stat((dir / "log/data.mdb").c_str(), &status) == 0);
  CHECK(status.st_size <= 24 << 20);
}

TEST_CASE("TheRoomOfALogIsLowBeforeItIsFullAndGrowsWhenItIsTrimmed") {
  const TempDir dir;
  constexpr std::uint64_t kMost = std::uint64_t{24} << 20;
  auto log = Log::open({dir / "log", {"a"}, kMost});
  REQUIRE(log.has_value());
  const auto room = [&] {
    const auto found = (*log)->room();
    REQUIRE(found.has_value());
    CHECK(found->of == kMost);
    return *found;
  };
  const std::uint64_t first = room().left;
  const std::string subject(4000, 's');
  std::size_t batches = 0;
  const auto takes_more = [&] { return (*log)->ensure_space(240'000).has_value(); };
  while (takes_more() && room().left >= kMost / 10) {
    append(**log, kFirst, at(1), 60, subject);
    REQUIRE(++batches < 200);
  }
  CHECK(takes_more());
  CHECK(room().left < kMost / 10);
  trim(**log, kFirst, batches);
  CHECK(room().left > first * 9 / 10);
}

TEST_CASE("TheSmallestByteLimitTakesTheLargestBatchAndAgainWhenWhatFilledItIsTrimmed") {
  const TempDir dir;
  auto log = Log::open({dir / "log", {"a"}, limits::kDiskMaxMin});
  REQUIRE(log.has_value());
  const auto takes_largest = [&] {
    return (*log)->ensure_space(Log::space_of(limits::kBatchPayloadBytesMax)).has_value();
  };
  CHECK(takes_largest());
  const std::string subject(4000, 's');
  std::size_t batches = 0;
  while (takes_largest()) {
    append(**log, kFirst, at(1), 60, subject);
    REQUIRE(++batches < 100);
  }
  trim(**log, kFirst, batches);
  append(**log, kFirst, at(2));  // pages freed by one commit can be used by the next but one
  CHECK(takes_largest());
}

TEST_CASE("SpaceIsHadForTheWholePagesThatBatchesTake") {
  const TempDir dir;
  const std::uint64_t most = std::uint64_t{16} << 20;
  auto log = Log::open({dir / "log", {"a"}, most});
  REQUIRE(log.has_value());
  const std::string subject(1960, 's');  // just too large for two in a page
  const std::string sample = make_batch({}, 1, subject);
  REQUIRE(sample.size() > 2048);
  REQUIRE(sample.size() < 2200);
  std::uint64_t count = 0;
  while ((*log)->ensure_space((count + 100) * Log::space_of(sample.size()))) count += 100;
  CHECK(count > 2000);
  auto transaction = (*log)->begin();
  for (std::uint64_t i = 0; i < count; ++i) {
    const BatchOrigin origin{(*log)->stream(kFirst).incarnation, {7}, {1}, {i}, {i + 1}};
    std::string batch = make_batch(origin, 1, subject);
    REQUIRE(transaction.append(kFirst, batch, batch.data(), at(1)).has_value());
  }
  REQUIRE(transaction.commit().has_value());
  struct stat status {};
  REQUIRE(::stat((dir / "log/data.mdb").c_str(), &status) == 0);
  CHECK(static_cast<std::uint64_t>(status.st_size) <= most);
}

TEST_CASE("AFullLogStillOpens") {
  const TempDir dir;
  append(*open_log(dir), kFirst, at(1));
  const auto log = Log::open({dir / "log", {"a"}, 1 << 20});
  REQUIRE(log.has_value());
  CHECK((*log)->stream(kFirst).head() == Sequence{1});
}

}  // namespace
}  // namespace forebay
