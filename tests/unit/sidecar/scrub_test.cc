#include "sidecar/scrub.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "common/base/limits.h"
#include "sidecar/log/page_file.h"
#include "tests/support/damaged_log.h"

namespace forebay {
namespace {

using test::MadeLog;

std::unique_ptr<Log> open(const MadeLog& made) {
  auto log = Log::open({made.folder(), {"large", "small"}, std::nullopt});
  REQUIRE(log.has_value());
  return std::move(*log);
}

/// One pass through the log; the number of steps.
int pass(Scrubber& scrubber, std::size_t bytes) {
  for (int steps = 1;; ++steps) {
    const auto more = scrubber.step(bytes);
    REQUIRE(more.has_value());
    if (!*more) return steps;
  }
}

TEST_CASE("ASoundLogHasNoDamageHoweverSmallTheSteps") {
  MadeLog made;
  make_log(made, 10);
  const auto log = open(made);
  Scrubber::Memory memory;
  Scrubber scrubber(*log, made.folder(), memory);
  CHECK(pass(scrubber, 1) >= 60);
  CHECK(pass(scrubber, 1 << 30) == 1);
  CHECK(scrubber.damage() == std::vector<std::uint64_t>{0, 0});
}

TEST_CASE("AStepLooksAtSoManyStreamsAlsoWhereTheyAreEmpty") {
  const test::TempDir dir;
  constexpr std::size_t kStepBytes = 16 * limits::kScrubLookBytesMin;
  std::vector<std::string> streams;
  for (int i = 0; i < 32; ++i) streams.push_back("s" + std::to_string(i));
  const auto log = Log::open({dir / "log", streams, std::nullopt});
  REQUIRE(log.has_value());
  Scrubber::Memory memory;
  Scrubber scrubber(**log, dir / "log", memory);
  CHECK(pass(scrubber, kStepBytes) == 2);
  CHECK(pass(scrubber, 2 * kStepBytes) == 1);
}

TEST_CASE("DamageIsFoundInTheRunningLogCountedOnceAndGoneWhenTrimmed") {
  MadeLog made;
  make_log(made, 10);
  const auto log = open(made);
  Scrubber::Memory memory;
  Scrubber scrubber(*log, made.folder(), memory);
  pass(scrubber, 4096);
  const auto at = std::next(made.streams["large"].begin(), 7);
  for (const std::uint64_t offset : offsets_of(test::read_file(made.file()), at->second))
    test::write_at(made.file(), offset + at->second.header.size() + 20, "damage");
  for (const std::size_t bytes : {4096, 4096, 1 << 30}) {
    pass(scrubber, bytes);
    CHECK(scrubber.damage() == std::vector<std::uint64_t>{at->second.count, 0});
  }
  auto transaction = log->begin();
  REQUIRE(transaction.trim({0}, 9, [](const BatchHeader&) { return true; }) == std::size_t{9});
  REQUIRE(transaction.commit().has_value());
  pass(scrubber, 4096);
  CHECK(scrubber.damage() == std::vector<std::uint64_t>{0, 0});
}

TEST_CASE("AReloadIsNoReasonToForgetWhatWasFoundNorToBeginThePassAnew") {
  MadeLog made;
  make_log(made, 10);
  const auto log = open(made);
  const auto at = std::next(made.streams["large"].begin(), 7);
  for (const std::uint64_t offset : offsets_of(test::read_file(made.file()), at->second))
    test::write_at(made.file(), offset + at->second.header.size() + 20, "damage");
  Scrubber::Memory memory;
  const auto damage = [&](std::size_t steps) {
    Scrubber scrubber(*log, made.folder(), memory);
    for (std::size_t i = 0; i < steps; ++i) REQUIRE(scrubber.step(1) == true);
    return scrubber.damage().front();
  };
  std::size_t lives = 0;  // of one step each: the pass comes to the damage all the same
  while (damage(1) == 0) REQUIRE(++lives < 100);
  CHECK(lives > 1);
  CHECK(damage(0) == at->second.count);
}

TEST_CASE("AnyPageOfARunningLogMayBeDamagedAndWhatCommitsMeanwhileIsNoDamage") {
  MadeLog made;
  make_log(made, 40);
  const auto log = open(made);
  Scrubber::Memory memory;
  Scrubber scrubber(*log, made.folder(), memory);
  const std::string whole = test::read_file(made.file());
  std::size_t found = 0;
  const std::size_t pages = PageFile::open(made.file())->pages();
  for (std::size_t page = 2; page < pages; ++page) {
    test::write_at(made.file(), page * 4096, std::string(4096, '\0'));
    pass(scrubber, 1 << 20);
    const auto damage = scrubber.damage();
    found += damage[0] + damage[1] > 0 ? 1 : 0;
    test::write_at(made.file(), page * 4096, whole.substr(page * 4096, 4096));
    pass(scrubber, 1 << 20);
    REQUIRE(scrubber.damage() == std::vector<std::uint64_t>{0, 0});
  }
  CHECK(found > 100);  // leaves, and what they lead to

  std::atomic<bool> enough = false;
  std::thread committing([&] {
    const Incarnation incarnation = log->stream({0}).incarnation;
    for (std::uint64_t i = 0; !enough; ++i) {
      auto transaction = log->begin();
      std::string batch = test::make_batch({incarnation, {9}, {1}, {i * 3}, {i * 3 + 3}}, 3);
      FOREBAY_INVARIANT(transaction.append({0}, batch, batch.data(), WallTime{}).has_value());
      FOREBAY_INVARIANT(
          transaction.trim({0}, 2, [](const BatchHeader&) { return true; }).has_value());
      FOREBAY_INVARIANT(transaction.commit().has_value());
    }
  });
  for (int i = 0; i < 200; ++i) {
    pass(scrubber, 64 << 10);
    const auto damage = scrubber.damage();
    enough = damage != std::vector<std::uint64_t>{0, 0};
    if (enough) break;
  }
  CHECK_FALSE(enough);
  enough = true;
  committing.join();
}

}  // namespace
}  // namespace forebay
