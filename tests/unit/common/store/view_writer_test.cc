#include "common/store/view_writer.h"

#include <catch2/catch.hpp>

#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

constexpr Table kTable{0};
constexpr Table kOther{1};

struct Fixture {
  test::TempDir dir;
  std::unique_ptr<Store> store = std::move(Store::open(dir / "view", {"table", "other"}).value());
  WriteTransaction write = store->write();
};

TEST_CASE_METHOD(Fixture, "AHandlerReadsItsOwnWrites") {
  REQUIRE(write.put(kTable, "a", "old").has_value());
  REQUIRE(write.put(kTable, "b", "old").has_value());
  ViewWriter view(write);
  CHECK(view.get(kTable, "a") == "old");
  view.put(kTable, "a", "new");
  view.erase(kTable, "b");
  CHECK(view.get(kTable, "a") == "new");
  CHECK_FALSE(view.get(kTable, "b").has_value());
  CHECK_FALSE(view.get(kOther, "a").has_value());
  view.put(kTable, "b", "again");
  CHECK(view.get(kTable, "b") == "again");
  CHECK(write.get(kTable, "a") == "old");
}

TEST_CASE_METHOD(Fixture, "WhatWasReadCanBeWrittenAgain") {
  ViewWriter view(write);
  view.put(kTable, "k0", std::string(40, 'v'));
  for (int i = 1; i < 50; ++i) {  // its bytes move several times
    const std::string before = "k" + std::to_string(i - 1), key = "k" + std::to_string(i);
    view.put(kTable, key, *view.get(kTable, before));
    CHECK(view.get(kTable, key) == std::string(40, 'v'));
  }
  view.put(kTable, "k0", "last");
  REQUIRE(view.accept().has_value());
  CHECK(write.get(kTable, "k0") == "last");
  CHECK(write.get(kTable, "k49") == std::string(40, 'v'));
}

TEST_CASE_METHOD(Fixture, "AnAcceptedEventIsInTheTransaction") {
  REQUIRE(write.put(kTable, "b", "old").has_value());
  ViewWriter view(write);
  view.put(kTable, "a", "1");
  view.put(kOther, "a", "2");
  view.erase(kTable, "b");
  view.erase(kTable, "never there");
  REQUIRE(view.accept().has_value());
  CHECK(write.get(kTable, "a") == "1");
  CHECK(write.get(kOther, "a") == "2");
  CHECK_FALSE(write.get(kTable, "b").has_value());
}

TEST_CASE_METHOD(Fixture, "ARefusedEventChangesNothing") {
  REQUIRE(write.put(kTable, "a", "old").has_value());
  ViewWriter view(write);
  view.put(kTable, "a", "new");
  view.erase(kTable, "a");
  view.put(kTable, "c", "new");
  view.refuse();
  CHECK(view.get(kTable, "a") == "old");
  REQUIRE(view.accept().has_value());
  CHECK(write.get(kTable, "a") == "old");
  CHECK(write.count(kTable) == 1);
}

TEST_CASE_METHOD(Fixture, "AnEventThatLeadsToAKeyOutOfBoundsChangesNothing") {
  ViewWriter view(write);
  view.put(kTable, "a", "1");
  view.put(kTable, std::string(512, 'k'), "1");
  const auto refused = view.accept();
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kBadInput);
  CHECK(write.count(kTable) == 0);
  REQUIRE(view.accept().has_value());
  CHECK_FALSE(store->failed());
}

TEST_CASE_METHOD(Fixture, "AStoreErrorIsNotTheEvents") {
  ViewWriter view(write);
  REQUIRE(write.commit().has_value());
  view.put(kTable, "a", "1");
  const auto refused = view.accept();
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kIo);
}

}  // namespace
}  // namespace forebay
