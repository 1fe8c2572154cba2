#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "common/base/bytes.h"
#include "common/base/limits.h"
#include "sidecar/log/backup_file.h"
#include "sidecar/log/layout.h"
#include "sidecar/log/restore.h"
#include "tests/support/damaged_log.h"

namespace forebay {
namespace {

using test::MadeLog;

/// The items of a log's backup, which a test may change before they are written.
struct Items {
  std::vector<std::pair<std::string, std::string>> records, late;
  std::vector<std::pair<std::string, std::string>> batches;  // stream, bytes

  [[nodiscard]] std::string& record(const std::string& key) {
    for (auto& [name, value] : records)
      if (name == key) return value;
    FAIL("no record " + key);
    return records.front().second;
  }
};

Items items_of(const MadeLog& made) {
  const auto log = Log::open({made.folder(), {"large", "small"}, std::nullopt});
  REQUIRE(log.has_value());
  const auto snapshot = (*log)->snapshot();
  Items items{*snapshot.records(), {}, {}};
  for (std::size_t i = 0; i < (*log)->stream_count(); ++i) {
    const auto scanned = snapshot.scan({i}, Sequence{1}, [&](const Log::Snapshot::Stored& stored) {
      items.batches.emplace_back((*log)->stream_name({i}), stored.bytes);
      return true;
    });
    REQUIRE(scanned.has_value());
  }
  return items;
}

class Backup {
 public:
  Backup() { make_log(made_, 10); }

  [[nodiscard]] Items items() const { return items_of(made_); }
  [[nodiscard]] std::string file() const { return dir_ / "backup"; }
  [[nodiscard]] std::string folder() const { return dir_ / "restored"; }

  /// Batches and then gaps.
  void write(const Items& items, const std::vector<BackedUpGap>& gaps = {}) const {
    std::filesystem::remove(file());
    auto out = BackupWriter::create(file());
    REQUIRE(out.has_value());
    for (const auto& [key, value] : items.records) REQUIRE(out->put(BackedUpRecord{key, value}));
    for (const auto& [stream, bytes] : items.batches)
      REQUIRE(out->put(BackedUpBatch{stream, bytes}));
    for (const BackedUpGap& gap : gaps) REQUIRE(out->put(gap));
    for (const auto& [key, value] : items.late) REQUIRE(out->put(BackedUpRecord{key, value, true}));
    REQUIRE(out->finish());
    REQUIRE_FALSE(std::filesystem::exists(file()));
    REQUIRE(out->keep());
  }
  /// Writes and restores.
  [[nodiscard]] Result<Restoration> restore(const Items& items,
                                            const std::vector<BackedUpGap>& gaps = {}) const {
    write(items, gaps);
    std::filesystem::remove_all(folder());
    std::filesystem::create_directories(folder());
    auto done = restore_log(folder(), file());
    CHECK(std::filesystem::exists(folder() + "/data.mdb") == done.has_value());
    return done;
  }
  /// The log, or why there is none.
  [[nodiscard]] Result<std::unique_ptr<Log>> restored(
      const Items& items, const std::vector<BackedUpGap>& gaps = {}) const {
    if (auto done = restore(items, gaps); !done) return fail(done.error());
    return Log::open({folder(), {"large", "small"}, std::nullopt});
  }
  void refused(const Items& items, const std::vector<BackedUpGap>& gaps = {}) const {
    const auto done = restore(items, gaps);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().code == ErrorCode::kCorruption);
  }
  /// Why a backup of it is none; empty if it is one.
  [[nodiscard]] std::string problem_of(const Items& items) const {
    write(items);
    const auto checked = check_backup(file());
    return checked ? "" : checked.error().message;
  }

 private:
  test::TempDir dir_;
  MadeLog made_;
};

std::map<ProducerId, ProducerRecord> producers_of(const Log& log) {
  const auto all = log.snapshot().producers();
  REQUIRE(all.has_value());
  return {all->begin(), all->end()};
}

TEST_CASE("ARestoredLogHasTheBatchesAndNewIncarnations") {
  const Backup backup;
  const Items items = backup.items();
  const auto log = backup.restored(items);
  REQUIRE(log.has_value());
  auto expected = items.batches.begin();
  for (std::size_t i = 0; i < 2; ++i) {
    const auto record =
        decode_stream_record(Items(items).record(log_layout::stream_key((*log)->stream_name({i}))));
    CHECK((*log)->stream({i}).next == record->next);
    CHECK((*log)->stream({i}).incarnation != record->incarnation);
    const auto scanned =
        (*log)->snapshot().scan({i}, Sequence{1}, [&](const Log::Snapshot::Stored& stored) {
          REQUIRE(stored.batch);
          const auto before = BatchView::parse(expected++->second);
          CHECK(test::payload_of(*stored.batch) == test::payload_of(*before));
          CHECK(stored.batch->header().place.commit_time == before->header().place.commit_time);
          CHECK(stored.batch->header().first() == before->header().first());
          return true;
        });
    CHECK(scanned.has_value());
  }
  CHECK(expected == items.batches.end());
  CHECK((*log)->snapshot().consumers()->size() == 1);
}

TEST_CASE("ARestoredLogKnowsWhatItWasMadeOfAndUpToWhere") {
  using Ancestors = std::vector<StreamRecord::Ancestor>;
  const Backup backup;
  Items items = backup.items();
  std::string& stored = items.record(log_layout::stream_key("large"));
  StreamRecord before = *decode_stream_record(stored);
  const StreamRecord small = *decode_stream_record(items.record(log_layout::stream_key("small")));
  SECTION("of one that began by itself, with what came while it was backed up") {
    const auto log = backup.restored(items, {{"large", before.next, 5, "trimmed meanwhile"}});
    REQUIRE(log.has_value());
    CHECK((*log)->stream({0}).head() == before.head() + 5);
    CHECK((*log)->stream({0}).ancestors == Ancestors{{before.incarnation, before.head() + 5}});
    CHECK((*log)->stream({1}).ancestors == Ancestors{{small.incarnation, small.head()}});
  }
  SECTION("of one that was restored before") {
    const StreamRecord::Ancestor first{Incarnation::random(), Sequence{3}};
    before.ancestors = {first};
    stored = encode_record(before);
    const auto log = backup.restored(items);
    REQUIRE(log.has_value());
    CHECK((*log)->stream({0}).ancestors == Ancestors{first, {before.incarnation, before.head()}});
  }
  SECTION("of more than are kept: the oldest is forgotten") {
    for (std::uint64_t i = 0; i < limits::kAncestorsMax; ++i)
      before.ancestors.push_back({Incarnation::random(), Sequence{i}});
    stored = encode_record(before);
    const auto log = backup.restored(items);
    REQUIRE(log.has_value());
    const Ancestors& kept = (*log)->stream({0}).ancestors;
    REQUIRE(kept.size() == limits::kAncestorsMax);
    CHECK(kept.front() == before.ancestors[1]);
    CHECK(kept.back() == StreamRecord::Ancestor{before.incarnation, before.head()});
  }
}

TEST_CASE("AProducerIsAsFarAsItsBatchesWhateverItsOlderRecordSays") {
  const Backup backup;
  Items items = backup.items();
  const ProducerId producer{7};
  std::string& stored = items.record(log_layout::producer_key(producer));
  const ProducerRecord newest = *decode_producer_record(stored);
  ProducerRecord older = newest;
  older.position = {1};
  stored = encode_record(older);
  CHECK(producers_of(**backup.restored(items)).at(producer).position == newest.position);
  // It is further, where its last batches were trimmed.
  ProducerRecord further = newest;
  further.position = {newest.position.value + 100};
  items.record(log_layout::producer_key(producer)) = encode_record(further);
  CHECK(producers_of(**backup.restored(items)).at(producer).position == further.position);
}

TEST_CASE("AProducerThatRegisteredMeanwhileKeepsItsNameAndHasNoMoreThanIsThere") {
  const Backup backup;
  Items items = backup.items();
  ProducerRecord late = *decode_producer_record(items.record(log_layout::producer_key({7})));
  const ProducerSequence in_batches = late.position;
  late.position = {late.position.value + 1000};
  std::erase_if(items.records,
                [](const auto& item) { return item.first == log_layout::producer_key({7}); });
  const auto named = [&](const std::string& name) {
    ProducerRecord record = late;
    record.name = name;
    return encode_record(record);
  };
  items.late = {{log_layout::producer_key({7}), encode_record(late)},
                {log_layout::producer_key({8}), named("eight")},
                {log_layout::producer_key({99}), named("fresh")}};
  const auto log = backup.restored(items);
  REQUIRE(log.has_value());
  const auto producers = producers_of(**log);
  CHECK(producers.at({7}).name == late.name);
  CHECK(producers.at({7}).position == in_batches);
  CHECK(producers.at({8}).position < late.position);  // has a record that is no late one
  CHECK(producers.at({99}).position == ProducerSequence{});
}

TEST_CASE("OfTwoProducersOfOneNameTheOneThatWasForgottenDoesNotComeBack") {
  const Backup backup;
  Items items = backup.items();
  ProducerRecord fresh = *decode_producer_record(items.record(log_layout::producer_key({7})));
  fresh.time += std::chrono::seconds(1);
  fresh.position = {};
  const bool lower = GENERATE(true, false);  // of the two ids
  const ProducerId id{lower ? 3U : 99U};
  items.late = {{log_layout::producer_key(id), encode_record(fresh)}};
  const auto log = backup.restored(items);
  REQUIRE(log.has_value());
  const auto producers = producers_of(**log);
  CHECK(producers.contains(id));
  CHECK_FALSE(producers.contains({7}));
}

TEST_CASE("WhatDoesNotFitIsRefusedAndNothingRestored") {
  const Backup backup;
  const Items sound = backup.items();
  const auto changed = [&](auto change) {
    Items items = sound;
    change(items);
    return items;
  };
  const auto record = [&] {
    return *decode_stream_record(Items(sound).record(log_layout::stream_key("large")));
  }();
  constexpr std::uint64_t kMost = ~std::uint64_t{0};

  backup.refused(changed([](Items& items) { items.batches.pop_back(); }));
  backup.refused(changed([](Items& items) { items.batches.erase(items.batches.begin() + 3); }));
  backup.refused(changed([](Items& items) { items.batches[0].first = "other"; }));
  backup.refused(changed([](Items& items) { items.batches[2].second.back() ^= 1; }));
  backup.refused(changed([](Items& items) { items.records.push_back(items.records.front()); }));
  backup.refused(changed([](Items& items) { items.late.push_back(items.records.front()); }));
  for (const std::string& key : {log_layout::stream_key("large"), log_layout::producer_key({7}),
                                 log_layout::consumer_key("large", "c")})
    backup.refused(changed([&](Items& items) { items.record(key).back() ^= 1; }));
  backup.refused(changed([](Items& items) { items.records.emplace_back("other", "record"); }));
  backup.refused(sound, {{"large", record.next, kMost, "too many"}});
  backup.refused(sound, {{"large", record.next, 0, "none"}});
  backup.refused(sound, {{"large", {kMost}, 1, "far away"}});
  const std::string longest(limits::kControlBytesMax, 'x');
  backup.refused(sound, {{"large", record.next, 1, longest + "x"}});
  CHECK(backup.restored(sound, {{"large", record.next, 1, longest}}).has_value());
  CHECK(backup.restored(sound, {{"large", record.next, 5, "sound"}}).has_value());
}

TEST_CASE("MoreRecordsThanAnyLogHasAreNoBackup") {
  const Backup backup;
  Items items = backup.items();
  const auto there = [&](std::string_view prefix) {
    return static_cast<std::size_t>(
        std::count_if(items.records.begin(), items.records.end(),
                      [&](const auto& record) { return record.first.starts_with(prefix); }));
  };
  /// As many of a kind as there may be are a backup, and one more is none.
  const auto check = [&](std::string_view prefix, std::size_t most, const std::string& problem,
                         const auto& record) {
    for (std::size_t i = there(prefix); i < most; ++i) items.records.push_back(record(i));
    CHECK(backup.problem_of(items).empty());
    items.records.push_back(record(most));
    CHECK_THAT(backup.problem_of(items), Catch::EndsWith(problem));
  };
  SECTION("of consumers") {
    check(log_layout::kConsumerPrefix, limits::kConsumersMax, "more records than any log has",
          [value = encode_record(ConsumerRecord{})](std::size_t i) {
            return std::pair(log_layout::consumer_key("large", std::to_string(i)), value);
          });
  }
  SECTION("of producers") {
    check(log_layout::kProducerPrefix, limits::kBackupProducersMax, "more records than any log has",
          [value = encode_record(ProducerRecord{})](std::size_t i) {
            return std::pair(log_layout::producer_key({1000 + i}), value);
          });
  }
  SECTION("of streams") {
    check(log_layout::kStreamPrefix, limits::kStreamsMax, " that cannot be",
          [value = encode_record(StreamRecord{})](std::size_t i) {
            return std::pair(log_layout::stream_key("more-" + std::to_string(i)), value);
          });
  }
}

TEST_CASE("AnItemThatClaimsToBeLongerThanAnyIsNotReadForItsLength") {
  const Backup backup;
  backup.write(backup.items());
  constexpr std::size_t kSizeEndsAt = 8 + 1 + 3;  // behind the head of the file and the item's kind
  test::write_at(backup.file(), kSizeEndsAt, "\x10");
  const auto checked = check_backup(backup.file());
  REQUIRE_FALSE(checked.has_value());
  CHECK_THAT(checked.error().message, Catch::Contains("is damaged after 0 items"));
}

TEST_CASE("ABackupThatIsThereOrBeingWrittenIsNotWrittenOver") {
  const Backup backup;
  backup.write(backup.items());
  const std::string before = test::read_file(backup.file());
  CHECK(BackupWriter::create(backup.file()).error().code == ErrorCode::kBadInput);
  const std::string other = backup.file() + "-other";
  {
    auto first = BackupWriter::create(other);
    REQUIRE(first.has_value());
    CHECK(BackupWriter::create(other).error().code == ErrorCode::kBadInput);
    REQUIRE(first->finish().has_value());
    std::filesystem::copy_file(backup.file(), other);
    CHECK_FALSE(first->keep().has_value());
  }
  CHECK(test::read_file(other) == before);
  CHECK_FALSE(std::filesystem::exists(other + ".unfinished"));
}

TEST_CASE("ABackupThatIsCutShortOrChangedAnywhereIsNoBackup") {
  const Backup backup;
  backup.write(backup.items());
  const std::string whole = test::read_file(backup.file());
  REQUIRE(check_backup(backup.file()).has_value());
  const auto with = [&](const std::string& bytes) {
    std::ofstream(backup.file(), std::ios::binary | std::ios::trunc) << bytes;
    return check_backup(backup.file()).has_value();
  };
  for (std::size_t at = 0; at < whole.size(); at += at < 500 ? 1 : 997) {
    CHECK_FALSE(with(whole.substr(0, at)));
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    CHECK_FALSE(with(changed));
  }
  // Without an item that no other needs: kind, length of the body, length of the key, key, ….
  const std::size_t item = whole.find("consumer/") - 4 - 5;
  const std::size_t size = 5 + load_le<std::uint32_t>(whole.data() + item + 1) + 8;
  CHECK_FALSE(with(whole.substr(0, item) + whole.substr(item + size)));
  CHECK_FALSE(with(whole + "x"));
  CHECK(with(whole));
}

}  // namespace
}  // namespace forebay
