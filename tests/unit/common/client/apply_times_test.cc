#include "common/client/apply_times.h"

#include <rapidcheck/catch.h>

#include <catch2/catch.hpp>
#include <map>

#include "common/base/limits.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

WallTime at(std::int64_t second) { return WallTime(std::chrono::seconds(second)); }

class ApplyTimesTest {
 public:
  /// Sequences after those that were put, in one group.
  void put(std::uint64_t count, std::int64_t second) {
    REQUIRE(times_.put(write_, "a", head_ + 1, head_ + count, at(second)));
    head_ = head_ + count;
  }
  std::optional<WallTime> find(std::uint64_t sequence) {
    return times_.find(write_, "a", Sequence{sequence}).value();
  }

  test::TempDir dir_;
  std::unique_ptr<Store> store_ = Store::open(dir_ / "store", {"times", "theirs"}).value();
  WriteTransaction write_ = store_->write();
  ApplyTimes times_{Table{0}};
  Sequence head_;
};

TEST_CASE_METHOD(ApplyTimesTest, "ASequenceWasAppliedWhenItsGroupWas") {
  CHECK(find(1) == std::nullopt);
  CHECK_FALSE(times_.oldest(write_, "a").value());
  head_ = Sequence{4};  // it began there
  put(1, 10);
  put(3, 11);
  CHECK(find(4) == std::nullopt);
  CHECK(find(5) == at(10));
  CHECK(find(6) == at(11));
  CHECK(find(8) == at(11));
  CHECK(find(9) == std::nullopt);
  CHECK(times_.oldest(write_, "a").value()->first == Sequence{5});
  CHECK(times_.oldest(write_, "a").value()->time == at(10));
  CHECK_FALSE(times_.find(write_, "ab", Sequence{6}).value());
  CHECK_FALSE(times_.find(write_, "", Sequence{6}).value());
}

TEST_CASE_METHOD(ApplyTimesTest, "OnlyTheLastRowsOfAStreamAreKeptAndAnotherStreamsAreLeftAlone") {
  REQUIRE(times_.put(write_, "b", Sequence{1}, Sequence{1}, at(1)));
  constexpr std::size_t kKept = limits::kApplyTimesRowsMax * limits::kApplyTimesGroupsPerRow;
  for (std::size_t i = 0; i < kKept; ++i) put(1, 2);
  CHECK(find(1) == at(2));
  CHECK(write_.count(Table{0}) == limits::kApplyTimesRowsMax + 1);
  put(1, 3);
  CHECK(write_.count(Table{0}) == limits::kApplyTimesRowsMax + 1);
  CHECK(find(limits::kApplyTimesGroupsPerRow) == std::nullopt);
  CHECK(find(limits::kApplyTimesGroupsPerRow + 1) == at(2));
  CHECK(times_.oldest(write_, "a").value()->first == Sequence{limits::kApplyTimesGroupsPerRow + 1});
  CHECK(find(kKept + 1) == at(3));
  CHECK(times_.find(write_, "b", Sequence{1}).value() == at(1));
}

TEST_CASE_METHOD(ApplyTimesTest, "ARowThatIsDamagedIsToldAndTheNextGroupIsPutBesideIt") {
  put(2, 1);
  std::string key;
  write_.for_each(Table{0}, "", [&](std::string_view each, std::string_view) {
    key = each;
    return true;
  });
  const std::string row(*write_.get(Table{0}, key));
  std::string damage;
  SECTION("nothing") {}
  SECTION("cut short") { damage = row.substr(1); }
  SECTION("it ends before it begins") { damage = std::string(row.size(), '\0'); }
  SECTION("it goes back") { damage = row + row; }
  SECTION("too long") {
    for (char last = 1; last <= 101; ++last) damage += std::string(1, last) + std::string(15, '\0');
  }
  REQUIRE(write_.put(Table{0}, key, damage));
  CHECK(times_.find(write_, "a", Sequence{1}).error().code == ErrorCode::kCorruption);
  CHECK(times_.oldest(write_, "a").error().code == ErrorCode::kCorruption);
  put(1, 3);
  CHECK(find(3) == at(3));
}

TEST_CASE_METHOD(ApplyTimesTest, "WhatWasAppliedAfterACursorThatWentBackIsForgotten") {
  for (int i = 0; i < 250; ++i) put(2, i);
  const std::uint64_t last = GENERATE(0, 1, 2, 7, 8, 200, 201, 333, 499, 500);
  REQUIRE(times_.cut(write_, "a", Sequence{last}));
  for (std::uint64_t sequence = 1; sequence <= 500; ++sequence) {
    const auto expected = sequence <= last
                              ? std::optional(at(static_cast<std::int64_t>((sequence - 1) / 2)))
                              : std::nullopt;
    CHECK(find(sequence) == expected);
  }
  head_ = Sequence{last};
  put(1, 1000);
  CHECK(find(last + 1) == at(1000));
}

TEST_CASE_METHOD(ApplyTimesTest, "AStreamsTimesAreTakenOverAsTheyAre") {
  for (int i = 0; i < 150; ++i) put(1, i);
  REQUIRE(times_.put(write_, "b", Sequence{1}, Sequence{1}, at(1)));
  const ApplyTimes theirs{Table{1}};
  REQUIRE(theirs.copy(write_, times_, write_, "a"));
  CHECK(write_.count(Table{1}) == 2);
  for (std::uint64_t sequence = 1; sequence <= 150; ++sequence)
    CHECK(theirs.find(write_, "a", Sequence{sequence}).value() == find(sequence));
}

TEST_CASE("WhateverTheGroupsEachSequenceIsFound") {
  rc::prop("", [](const std::vector<std::uint8_t>& sizes, std::uint8_t start) {
    ApplyTimesTest test;
    test.head_ = Sequence{start};
    std::map<std::uint64_t, WallTime> expected;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const std::uint64_t count = sizes[i] + 1u;
      for (std::uint64_t n = 1; n <= count; ++n)
        expected[test.head_.value + n] = at(static_cast<std::int64_t>(i));
      test.put(count, static_cast<std::int64_t>(i));
    }
    for (const auto& [sequence, time] : expected) RC_ASSERT(test.find(sequence) == time);
  });
}

}  // namespace
}  // namespace forebay
