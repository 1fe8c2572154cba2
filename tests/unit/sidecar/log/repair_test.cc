#include "sidecar/log/repair.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "common/base/limits.h"
#include "sidecar/log/layout.h"
#include "sidecar/log/records.h"
#include "sidecar/log/verify.h"
#include "tests/support/damaged_log.h"

namespace forebay {
namespace {

using test::kPageBytes;
using test::MadeLog;

const WallTime kNow = wall_from_unix_ns(1'700'000'000'000'000'000);

/// What a repaired log says against what was put: nothing altered, every sequence a batch's or a
/// gap's. Returns the sequences in gaps, by stream.
std::map<std::string, std::uint64_t> check_against(const MadeLog& made) {
  std::map<std::string, std::uint64_t> lost;
  std::vector<std::string> names;
  for (const auto& [name, stream] : made.streams) names.push_back(name);
  const auto log = Log::open({made.folder(), names, std::nullopt});
  REQUIRE(log.has_value());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const MadeLog::Stream& put = made.streams.at(names[i]);
    const auto snapshot = (*log)->snapshot();
    std::uint64_t expected = (*log)->stream({i}).oldest.value;
    CHECK(expected == 1);
    const auto scanned = snapshot.scan({i}, Sequence{1}, [&](const Log::Snapshot::Stored& stored) {
      REQUIRE(stored.batch);
      const BatchHeader& header = stored.batch->header();
      CHECK(header.first().value == expected);
      expected = header.next().value;
      if (header.kind == BatchKind::kGap) {
        lost[names[i]] += header.count;
        return true;
      }
      const auto found = put.find(header.first().value);
      REQUIRE(found != put.end());
      CHECK(found->second.count == header.count);
      CHECK(found->second.payload == test::payload_of(*stored.batch));
      CHECK(found->second.time == header.place.commit_time);
      return true;
    });
    CHECK(scanned.has_value());
    CHECK(expected == (*log)->stream({i}).next.value);
    CHECK(expected > made.heads.at(names[i]).value);
  }
  return lost;
}

struct Outcome {
  bool sound;
  bool skipped_ahead = false;
  std::uint64_t salvaged = 0;
  std::map<std::string, std::uint64_t> lost;
};

/// Verifies the damaged log, repairs it if that is called for, and checks what it holds then.
Outcome verify_and_repair(const MadeLog& made) {
  const auto report = verify_log(made.folder());
  REQUIRE(report.has_value());
  Outcome outcome{report->sound(), false, 0, {}};
  if (!report->sound()) {
    const auto repair = repair_log(made.folder(), kNow);
    REQUIRE(repair.has_value());
    for (const RepairedStream& stream : repair->streams) {
      outcome.skipped_ahead |= stream.skipped_ahead;
      outcome.salvaged += stream.salvaged;
    }
    const auto again = verify_log(made.folder());
    REQUIRE(again.has_value());
    CHECK(again->sound());
    CHECK(std::filesystem::remove(repair->kept_as));
  }
  outcome.lost = check_against(made);
  return outcome;
}

TEST_CASE("ALogIsSoundAndSaysWhatItHolds") {
  MadeLog made;
  make_log(made, 30);
  const auto report = verify_log(made.folder());
  REQUIRE(report.has_value());
  CHECK(report->problems == std::vector<std::string>());
  CHECK(report->sound());
  REQUIRE(report->streams.size() == 2);
  CHECK(report->streams[0].name == "large");
  CHECK(report->streams[0].batches == 90);
  CHECK(report->streams[0].head == made.heads["large"]);
  CHECK(report->streams[0].events == made.heads["large"].value);
  CHECK(report->producers == 2);
  CHECK(report->consumers == 1);
}

TEST_CASE("ALogThatWasTrimmedAndGrewAgainIsSound") {
  MadeLog made;
  make_log(made, 30);
  {
    const auto log = Log::open({made.folder(), {"large", "small"}, std::nullopt});
    for (const int batches : {40, 20}) {
      auto transaction = (*log)->begin();
      REQUIRE(transaction.trim({0}, static_cast<std::size_t>(batches), [](const BatchHeader&) {
        return true;
      }) == static_cast<std::size_t>(batches));
      REQUIRE(transaction.commit());
    }
  }
  const auto report = verify_log(made.folder());
  REQUIRE(report.has_value());
  CHECK(report->sound());
  CHECK(report->streams[0].batches == 30);
}

TEST_CASE("ADamagedBatchBecomesAGapAndAllElseIsKept") {
  MadeLog made;
  make_log(made, 20);
  const auto before =
      Log::open({made.folder(), {"large", "small"}, std::nullopt}).value()->stream({0}).incarnation;
  const std::string name = GENERATE("large", "small");
  CAPTURE(name);
  const MadeLog::Stream& stream = made.streams[name];
  auto at = stream.begin();
  SECTION("the first") {}
  SECTION("one in the midst") { std::advance(at, 30); }
  SECTION("the last") { at = std::prev(stream.end()); }
  for (const std::uint64_t offset : offsets_of(test::read_file(made.file()), at->second))
    test::write_at(made.file(), offset + at->second.header.size() + 20, "damage");

  const auto report = verify_log(made.folder());
  REQUIRE(report.has_value());
  CHECK_FALSE(report->sound());
  CHECK(report->problems.empty());
  const StreamReport& of = report->streams[name == "large" ? 0 : 1];
  REQUIRE(of.holes.size() == 1);
  CHECK(of.holes[0].first.value == at->first);
  CHECK(of.holes[0].count() == at->second.count);

  const auto repair = repair_log(made.folder(), kNow);
  REQUIRE(repair.has_value());
  CHECK(repair->streams[0].incarnation != before);
  CHECK(std::filesystem::exists(repair->kept_as));
  CHECK(check_against(made) == std::map<std::string, std::uint64_t>{{name, at->second.count}});
  const auto log = Log::open({made.folder(), {"large", "small"}, std::nullopt});
  CHECK((*log)->snapshot().producers()->size() == 2);
  CHECK((*log)->snapshot().consumers()->front().second.cursor == Sequence{3});
  CHECK((*log)->stream({1}).next == made.heads["small"] + 1);
}

/// What the log was made of, by stream; with what it is itself.
std::vector<StreamRecord> records_of(const MadeLog& made) {
  const auto log = Log::open({made.folder(), {"large", "small"}, std::nullopt});
  REQUIRE(log.has_value());
  return {(*log)->stream({0}), (*log)->stream({1})};
}

TEST_CASE("ARepairedLogKnowsThatItIsTheDamagedOneUpToItsEnd") {
  MadeLog made;
  make_log(made, 20);
  const StreamRecord::Ancestor first{Incarnation::random(), Sequence{3}};
  {
    const auto log = Log::open({made.folder(), {"large", "small"}, std::nullopt});
    auto transaction = (*log)->begin();
    transaction.set_ancestors({0}, {first});
    REQUIRE(transaction.commit().has_value());
  }
  const std::vector<StreamRecord> before = records_of(made);
  const auto damage = [&](const std::string& name) {
    const auto& batch = std::prev(made.streams[name].end())->second;
    for (const std::uint64_t offset : offsets_of(test::read_file(made.file()), batch))
      test::write_at(made.file(), offset + batch.header.size() + 20, "damage");
  };
  damage("large");
  damage("small");
  REQUIRE(repair_log(made.folder(), kNow).has_value());
  const std::vector<StreamRecord> after = records_of(made);
  using Ancestors = std::vector<StreamRecord::Ancestor>;
  CHECK(after[0].ancestors == Ancestors{first, {before[0].incarnation, before[0].head()}});
  CHECK(after[1].ancestors == Ancestors{{before[1].incarnation, before[1].head()}});
}

TEST_CASE("OfALogWhoseTailIsLostWhoeverWasFurtherThanTheRestGoesOnInTheGap") {
  MadeLog made;
  make_log(made, 20);
  const std::vector<StreamRecord> before = records_of(made);
  const std::string whole = test::read_file(made.file());
  const std::size_t used = whole.find_last_not_of('\0') + 1;
  std::filesystem::resize_file(made.file(), used * 2 / 3 / kPageBytes * kPageBytes);
  const auto repair = repair_log(made.folder(), kNow);
  REQUIRE(repair.has_value());
  const std::vector<StreamRecord> after = records_of(made);
  for (std::size_t i = 0; i < 2; ++i) {
    REQUIRE(repair->streams[i].skipped_ahead);
    CHECK(after[i].head() > before[i].head() + limits::kRepairSkip - 1);
    CHECK(after[i].shared_with(before[i].incarnation, false) == after[i].head());
  }
}

TEST_CASE("AnOldCopyOfABatchIsNotTakenForIt") {
  MadeLog made;
  make_log(made, 20);
  const MadeLog::Stream& stream = made.streams["large"];
  auto at = stream.begin();
  SECTION("the first") {}
  SECTION("one in the midst") { std::advance(at, 30); }
  SECTION("the last") { at = std::prev(stream.end()); }
  // Sound in itself, at the same place, and not what was committed there.
  std::string old = at->second.header + at->second.payload;
  BatchPlace place = parse_batch_header(old)->place;
  place.commit_time += std::chrono::seconds(1);
  set_batch_place(old.data(), place);
  for (const std::uint64_t offset : offsets_of(test::read_file(made.file()), at->second))
    test::write_at(made.file(), offset, old);
  const auto report = verify_log(made.folder());
  REQUIRE(report.has_value());
  REQUIRE(report->streams[0].holes.size() == 1);
  CHECK(report->streams[0].holes[0].first.value == at->first);
  CHECK(report->streams[0].holes[0].count() == at->second.count);
  const auto repair = repair_log(made.folder(), kNow);
  REQUIRE(repair.has_value());
  CHECK(check_against(made) == std::map<std::string, std::uint64_t>{{"large", at->second.count}});
}

TEST_CASE("WhatWasCommittedAfterAnOldCopyOfARecordIsKept") {
  MadeLog made;
  make_log(made, 20);
  const MadeLog::Stream& stream = made.streams["large"];
  const auto at = std::next(stream.begin(), 30);
  StreamRecord record;
  {
    const auto log = Log::open({made.folder(), {"large", "small"}, std::nullopt});
    SECTION("its producer's record is newer") {}
    SECTION("its producer has none") {
      auto transaction = (*log)->begin();
      REQUIRE(transaction.erase_producer({7}).has_value());
      REQUIRE(transaction.commit().has_value());
    }
    record = (*log)->stream({0});
  }
  const std::string newest = encode_record(record);
  record.next = Sequence{at->first};
  record.last_checksum = parse_batch_header(std::prev(at)->second.header)->checksum;
  const std::string bytes = test::read_file(made.file());
  const auto each_of = [&](const std::string& what, const auto& write_over) {
    for (std::size_t found = bytes.find(what); found != std::string::npos;
         found = bytes.find(what, found + 1))
      write_over(found);
  };
  each_of(newest,
          [&](std::size_t found) { test::write_at(made.file(), found, encode_record(record)); });
  // The batches that the old copy leads to are elsewhere by now.
  const std::string key = std::string(log_layout::kBatchesPrefix) + "large";
  each_of(key, [&](std::size_t found) {
    test::write_at(made.file(), found + key.size() + 40, std::string("\1\0\0\0\0\0\0\0", 8));
  });
  const auto repair = repair_log(made.folder(), kNow);
  REQUIRE(repair.has_value());
  CHECK(repair->streams[0].salvaged == stream.size());
  CHECK(repair->streams[0].skipped_ahead);
  check_against(made);
}

TEST_CASE("WherePagesAreOfSeveralTimesNoRecordTellsWhereItsStreamEnds") {
  MadeLog made;
  make_log(made, 20);
  const std::string bytes = test::read_file(made.file());
  std::set<std::uint64_t> leaves;  // of the small batches, with old copies that are free by now
  for (const auto& [base, batch] : made.streams["small"]) {
    for (const std::uint64_t offset : offsets_of(bytes, batch)) leaves.insert(offset / kPageBytes);
  }
  int skipped = 0;
  for (const std::uint64_t leaf : leaves) {
    CAPTURE(leaf);
    // Sound in itself, but of other keys: so an old copy of a page looks.
    const std::uint64_t other = leaf == *leaves.begin() ? *leaves.rbegin() : *leaves.begin();
    test::write_at(made.file(), 0, bytes);
    test::write_at(made.file(), leaf * kPageBytes + 8,
                   bytes.substr(other * kPageBytes + 8, kPageBytes - 8));
    const Outcome outcome = verify_and_repair(made);
    if (!outcome.sound) skipped += outcome.skipped_ahead ? 1 : 0;
  }
  CHECK(skipped > 1);
}

/// The page that the tree of all records begins with, as the last commit's first page says
/// (docs/log-format.md).
std::uint64_t records_root(const std::string& bytes) {
  constexpr std::size_t kRecordsRootAt = 128, kTransactionAt = 144;
  const auto number = [&](std::size_t at) { return load_le<std::uint64_t>(bytes.data() + at); };
  const bool second = number(kPageBytes + kTransactionAt) > number(kTransactionAt);
  return number((second ? kPageBytes : 0) + kRecordsRootAt);
}

TEST_CASE("AnOldCopyOfThePageOfRecordsHidesNoEnd") {
  MadeLog made;
  std::vector<std::string> copies;
  for (int i = 0; i < 12; ++i) {
    make_log(made, 1);
    copies.push_back(test::read_file(made.file()));
  }
  const std::string newest = copies.back();
  const std::uint64_t page = records_root(newest);
  int old_copies = 0;
  for (const std::string& copy : copies) {
    const std::string old = copy.substr(page * kPageBytes, kPageBytes);
    if (records_root(copy) != page || old == newest.substr(page * kPageBytes, kPageBytes)) continue;
    ++old_copies;
    for (std::size_t pages = newest.size() / kPageBytes; pages > page; pages /= 2) {
      CAPTURE(pages);
      std::filesystem::remove(made.file());
      std::ofstream(made.file(), std::ios::binary) << newest.substr(0, pages * kPageBytes);
      test::write_at(made.file(), page * kPageBytes, old);
      const Outcome outcome = verify_and_repair(made);
      CHECK_FALSE(outcome.sound);
      CHECK(outcome.skipped_ahead);
    }
  }
  CHECK(old_copies > 0);
}

TEST_CASE("AProducerThatSaidGoodbyeIsNotCalledLost") {
  MadeLog made;
  make_log(made, 5);
  {
    const auto log = Log::open({made.folder(), {"large", "small"}, std::nullopt});
    auto transaction = (*log)->begin();
    REQUIRE(transaction.erase_producer({7}).has_value());
    REQUIRE(transaction.commit().has_value());
  }
  const auto& batch = made.streams["large"].begin()->second;
  for (const std::uint64_t offset : offsets_of(test::read_file(made.file()), batch))
    test::write_at(made.file(), offset + batch.header.size() + 20, "damage");
  const auto repair = repair_log(made.folder(), kNow);
  REQUIRE(repair.has_value());
  CHECK(repair->problems == std::vector<std::string>());
}

TEST_CASE("AnyPageMayBeGone") {
  MadeLog made;
  make_log(made, 8);
  const std::string whole = test::read_file(made.file());
  std::uint64_t salvaged = 0;
  for (std::uint64_t page = 0; page * kPageBytes < whole.size(); ++page) {
    if (whole.compare(page * kPageBytes, kPageBytes, std::string(kPageBytes, '\0')) == 0) continue;
    CAPTURE(page);
    test::write_at(made.file(), 0, whole);
    test::write_at(made.file(), page * kPageBytes, std::string(kPageBytes, '\0'));
    const Outcome outcome = verify_and_repair(made);
    if (outcome.sound) CHECK(outcome.lost.empty());
    salvaged += outcome.salvaged;
    // A page of a tree leads to others, which are found without it; small batches were in it.
    if (!outcome.skipped_ahead) {
      for (const auto& [name, lost] : outcome.lost) CHECK(lost <= (name == "large" ? 6 : 60));
    }
  }
  CHECK(salvaged > 50);
}

TEST_CASE("BitsMayFlipAnywhere") {
  MadeLog made;
  make_log(made, 12);
  const std::string whole = test::read_file(made.file());
  const std::size_t used = whole.find_last_not_of('\0') + 1;
  std::mt19937 random(7);  // the campaign tries others
  for (int round = 0; round < 60; ++round) {
    std::string damaged = whole;
    for (int flips = 1 + static_cast<int>(random() % 4); flips > 0; --flips) {
      const std::size_t at = random() % used;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
    }
    test::write_at(made.file(), 0, damaged);
    verify_and_repair(made);
  }
}

TEST_CASE("ALogCutShortKeepsWhatIsLeft") {
  MadeLog made;
  make_log(made, 12);
  const std::string whole = test::read_file(made.file());
  const std::size_t used = whole.find_last_not_of('\0') + 1;
  for (std::size_t size = used - used % kPageBytes; size > 2 * kPageBytes; size -= size / 5) {
    CAPTURE(size);
    std::filesystem::remove(made.file());
    std::ofstream(made.file(), std::ios::binary)
        .write(whole.data(), static_cast<std::streamsize>(size));
    const auto report = verify_log(made.folder());
    REQUIRE(report.has_value());
    if (report->sound()) continue;  // it was not in use
    const auto repair = repair_log(made.folder(), kNow);
    REQUIRE(repair.has_value());
    std::filesystem::remove(repair->kept_as);
  }
}

}  // namespace
}  // namespace forebay
