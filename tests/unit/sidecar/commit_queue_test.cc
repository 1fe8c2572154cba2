#include "sidecar/commit_queue.h"

#include <catch2/catch.hpp>

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

TEST_CASE("WhatIsNoBatchIsCounted") {
  CommitQueue queue;
  push(queue, report("audit", 7));
  push(queue, DepartWork{{7}});
  push(queue, BatchWork{StreamIndex{0}, {}, Message(std::string_view("batch"))});
  push(queue, ForgetWork{{"route", 1}, StreamIndex{0}, {"orders", "audit"}});
  CHECK(queue.requests() == 2);
  SECTION("until it is taken") { CHECK(queue.take(kEverything, false).size() == 4); }
  SECTION("until the log is full") { CHECK(queue.close().size() == 4); }
  CHECK(queue.requests() == 0);
}

}  // namespace
}  // namespace forebay
