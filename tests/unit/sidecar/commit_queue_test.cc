#include "sidecar/commit_queue.h"

#include <catch2/catch.hpp>

#include "common/base/limits.h"

namespace forebay {
namespace {

constexpr std::uint64_t kEverything = 1 << 30;

CursorWork report(const std::string& consumer, std::uint64_t cursor) {
  CursorWork work{{"orders", consumer}, {}};
  work.record.cursor = Sequence{cursor};
  return work;
}

void push(CommitQueue& queue, Work item) {
  std::vector<Work> work;
  work.push_back(std::move(item));
  REQUIRE(queue.push(work));
}

TEST_CASE("OfAConsumersReportsOnlyTheLastWaits") {
  CommitQueue queue;
  for (std::uint64_t cursor = 1; cursor <= 1000; ++cursor) {
    push(queue, report("audit", cursor));
    push(queue, report("billing", 2 * cursor));
  }
  CHECK(queue.take(kEverything, false).empty());  // they are worth no commit of their own
  const auto taken = queue.take(kEverything, true);
  REQUIRE(taken.size() == 2);
  CHECK(std::get<CursorWork>(taken[0]).record.cursor == Sequence{1000});
  CHECK(std::get<CursorWork>(taken[1]).record.cursor == Sequence{2000});
  CHECK(queue.take(kEverything, true).empty());
}

TEST_CASE("AReportStaysBeforeWhatChangesItsRegistration") {
  CommitQueue queue;
  push(queue, report("audit", 7));
  push(queue, report("billing", 8));
  push(queue, ForgetWork{{"route", 1}, StreamIndex{0}, {"orders", "audit"}});
  push(queue, report("audit", 9));
  const auto taken = queue.take(kEverything, false);
  REQUIRE(taken.size() == 4);
  CHECK(std::get<CursorWork>(taken[0]).record.cursor == Sequence{7});
  CHECK(std::holds_alternative<ForgetWork>(taken[1]));
  CHECK(std::get<CursorWork>(taken[2]).record.cursor == Sequence{9});
  CHECK(std::get<CursorWork>(taken[3]).key.consumer == "billing");
}

TEST_CASE("WhatIsReportedLastIsTakenBeforeTheQueueIsFinished") {
  CommitQueue queue;
  push(queue, report("audit", 7));
  queue.stop();
  CHECK_FALSE(queue.finished());
  CHECK(queue.take(kEverything, false).size() == 1);
  CHECK(queue.finished());
}

BatchWork batch(std::size_t bytes) {
  return {StreamIndex{0}, {}, Message(std::make_shared<const std::string>(bytes, 'x'))};
}

TEST_CASE("ATransactionGetsAsManyBytesOfBatchesAsItMayAndAlwaysOneBatch") {
  CommitQueue queue;
  for (int i = 0; i < 3; ++i) push(queue, batch(100));
  CHECK(queue.bytes() == 300);
  CHECK(queue.take(250, false).size() == 2);
  CHECK(queue.bytes() == 100);
  CHECK(queue.take(250, false).size() == 1);
  CHECK(queue.bytes() == 0);
  for (const std::size_t bytes : {251, 1}) push(queue, batch(bytes));
  CHECK(queue.take(250, false).size() == 1);
  CHECK(queue.bytes() == 1);
}

TEST_CASE("BatchesThatWaitAreBoundedByTheirBytesUntilTheyAreTaken") {
  CommitQueue queue;
  push(queue, batch(limits::kCommitQueueBytesMax - 1));
  for (std::size_t i = 0; i < limits::kCommitQueueRequestsMax; ++i) push(queue, DepartWork{{7}});
  CHECK(queue.takes_batches());
  push(queue, batch(1));
  CHECK_FALSE(queue.takes_batches());
  SECTION("for a transaction") { CHECK(queue.take(kEverything, false).size() > 1); }
  SECTION("since the log is full") { CHECK(queue.close().size() > 1); }
  CHECK(queue.takes_batches());
}

TEST_CASE("RequestsThatWaitAreBoundedUntilTheyAreTaken") {
  CommitQueue queue;
  // Neither is a request.
  push(queue, report("audit", 7));
  push(queue, batch(limits::kCommitQueueBytesMax));
  for (std::size_t i = 1; i < limits::kCommitQueueRequestsMax; ++i) push(queue, DepartWork{{7}});
  CHECK(queue.takes_requests());
  push(queue, ForgetWork{{"route", 1}, StreamIndex{0}, {"orders", "audit"}});
  CHECK_FALSE(queue.takes_requests());
  SECTION("for a transaction") { CHECK(queue.take(kEverything, false).size() > 1); }
  SECTION("since the log is full") { CHECK(queue.close().size() > 1); }
  CHECK(queue.takes_requests());
}

}  // namespace
}  // namespace forebay
