#include "common/client/consumer_store.h"

#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

CursorRecord sample_record() {
  return {{Incarnation::random(), Sequence{7}, 99}, Sequence{3}, 2, 1, wall_from_unix_ns(5), true};
}

TEST_CASE("ACursorComesBackAsItWasPutAfterAReopen") {
  const test::TempDir dir;
  const CursorRecord record = sample_record();
  {
    auto store = ConsumerStore::open(dir / "view", {"values"}).value();
    WriteTransaction write = store->store().write();
    REQUIRE(store->put_cursor(write, "a", record));
    REQUIRE(write.commit());
  }
  const auto store = ConsumerStore::open(dir / "view", {"values"}).value();
  const ReadTransaction read = store->store().read();
  CHECK(store->cursor(read, "a").value() == record);
  CHECK(store->cursor(read, "b").value() == std::nullopt);
  CHECK(store->cursors(read).value() == std::map<std::string, CursorRecord>{{"a", record}});
}

TEST_CASE("ADamagedCursorIsCorruptionAndNotAnotherPosition") {
  const test::TempDir dir;
  const auto store = ConsumerStore::open(dir / "view", {}).value();
  const Table cursors{0};
  WriteTransaction write = store->store().write();
  REQUIRE(store->put_cursor(write, "a", sample_record()));
  std::string bytes(write.get(cursors, "a").value());
  bytes[20] = static_cast<char>(bytes[20] ^ 1);
  SECTION("a flipped bit") { REQUIRE(write.put(cursors, "a", bytes)); }
  SECTION("cut short") { REQUIRE(write.put(cursors, "a", bytes.substr(0, 9))); }
  REQUIRE(write.commit());
  const ReadTransaction read = store->store().read();
  CHECK(store->cursor(read, "a").error().code == ErrorCode::kCorruption);
  CHECK(store->cursors(read).error().code == ErrorCode::kCorruption);
}

TEST_CASE("GapsAndFailedEventsAreOfTheirStreamAndInOrder") {
  const test::TempDir dir;
  const auto store = ConsumerStore::open(dir / "view", {"values"}).value();
  WriteTransaction write = store->store().write();
  const std::string long_reason(2 * limits::kFailedReasonBytesMax, 'x');
  REQUIRE(store->put_gap(write, "order", Sequence{300}, 2, "corrupt"));
  REQUIRE(store->put_gap(write, "order", Sequence{2}, 5, "trimmed"));
  REQUIRE(store->put_gap(write, "orders", Sequence{1}, 1, "trimmed"));
  REQUIRE(store->put_failed(write, "order", Sequence{256}, wall_from_unix_ns(8), long_reason, "e"));
  REQUIRE(store->put_failed(write, "order", Sequence{9}, wall_from_unix_ns(7), "why", "event"));
  REQUIRE(write.commit());

  const ReadTransaction read = store->store().read();
  const auto gaps = store->gaps(read, "order").value();
  REQUIRE(gaps.size() == 2);
  CHECK(gaps[0].first == Sequence{2});
  CHECK(gaps[0].count == 5);
  CHECK(gaps[0].reason == "trimmed");
  CHECK(gaps[1].first == Sequence{300});
  const auto failed = store->failed(read, "order", 10).value();
  REQUIRE(failed.size() == 2);
  CHECK(failed[0].sequence == Sequence{9});
  CHECK(failed[0].reason == "why");
  CHECK(failed[0].encoded_event == "event");
  CHECK(failed[1].reason.size() == limits::kFailedReasonBytesMax);
  CHECK(failed[1].encoded_event == "e");
  CHECK(store->failed(read, "order", 1)->size() == 1);
}

TEST_CASE("GapsThatMeetLackWhatLiesOverBoth") {
  const test::TempDir dir;
  const auto store = ConsumerStore::open(dir / "view", {}).value();
  WriteTransaction write = store->store().write();
  REQUIRE(store->put_gap(write, "a", Sequence{1}, 50, "trimmed"));
  REQUIRE(store->put_gap(write, "a", Sequence{51}, 50, "trimmed"));
  REQUIRE(store->put_gap(write, "a", Sequence{102}, 10, "trimmed"));
  REQUIRE(write.commit());
  const ReadTransaction read = store->store().read();
  CHECK(store->lacks_all(read, "a", Sequence{1}, 100).value());
  CHECK(store->lacks_all(read, "a", Sequence{40}, 20).value());
  CHECK_FALSE(store->lacks_all(read, "a", Sequence{1}, 101).value());  // 101 was applied
  CHECK_FALSE(store->lacks_all(read, "a", Sequence{100}, 5).value());
  CHECK_FALSE(store->lacks_all(read, "b", Sequence{1}, 1).value());
}

TEST_CASE("WhatIsCutOffIsForgottenAndTheRestStays") {
  const test::TempDir dir;
  const auto store = ConsumerStore::open(dir / "view", {}).value();
  WriteTransaction write = store->store().write();
  for (const std::string stream : {"a", "b"}) {
    REQUIRE(store->put_gap(write, stream, Sequence{10}, 11, "ends there"));
    REQUIRE(store->put_gap(write, stream, Sequence{300}, 2, "after it"));
    REQUIRE(store->put_failed(write, stream, Sequence{9}, {}, "why", "before"));
    REQUIRE(store->put_failed(write, stream, Sequence{21}, {}, "why", "just after"));
    REQUIRE(store->put_failed(write, stream, Sequence{257}, {}, "why", "after"));
  }
  CHECK(store->cut(write, "a", Sequence{20}) == 2);
  REQUIRE(store->gaps(write, "a")->size() == 1);
  CHECK(store->gaps(write, "a")->front().count == 11);
  REQUIRE(store->failed(write, "a", 10)->size() == 1);
  CHECK(store->failed(write, "a", 10)->front().encoded_event == "before");
  CHECK(store->gaps(write, "b")->size() == 2);
  CHECK(store->failed(write, "b", 10)->size() == 3);

  CHECK(store->cut(write, "a", Sequence{12}) == 0);  // within the gap
  REQUIRE(store->gaps(write, "a")->size() == 1);
  CHECK(store->gaps(write, "a")->front().count == 3);
  CHECK(store->gaps(write, "a")->front().reason == "ends there");
}

TEST_CASE("ADamagedGapOrFailedEventIsCorruptionAndNoCrash") {
  // Regression: lengths were believed, and a short record ended the process.
  const test::TempDir dir;
  const auto store = ConsumerStore::open(dir / "view", {}).value();
  const Table gaps{1}, failed{2};
  const std::string sound_key("a\0\0\0\0\0\0\0\0\2", 10), short_key("a\0\0\2", 4);
  WriteTransaction write = store->store().write();
  const auto [key, gap, event] = GENERATE_COPY(
      std::make_tuple(short_key, std::string(8, '\1'), std::string(12, '\0')),
      std::make_tuple(sound_key + "x", std::string(8, '\1'), std::string(12, '\0')),
      std::make_tuple(sound_key, std::string(), std::string()),
      std::make_tuple(sound_key, std::string(7, '\1'), std::string(11, '\0')),
      std::make_tuple(sound_key, std::string(8, '\xff'), std::string(12, '\xff') + "why"));
  REQUIRE(write.put(gaps, key, gap));
  REQUIRE(write.put(failed, key, event));
  CHECK(store->gaps(write, "a").error().code == ErrorCode::kCorruption);
  CHECK(store->lacks_all(write, "a", Sequence{1}, 5).error().code == ErrorCode::kCorruption);
  CHECK(store->failed(write, "a", 10).error().code == ErrorCode::kCorruption);
  CHECK(store->gaps(write, "b")->empty());
}

}  // namespace
}  // namespace forebay
