#include "sidecar/log/log.h"

#include <lmdb.h>

#include <catch2/catch.hpp>
#include <map>

#include "common/base/limits.h"
#include "tests/support/dead_environment.h"
#include "tests/support/log_steps.h"
#include "tests/support/made_batches.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

using test::append;
using test::at;
using test::kFirst;
using test::kSecond;
using test::kSmallFile;
using test::make_batch;
using test::open_log;
using test::TempDir;
using test::trim;

struct Seen {
  Sequence first;
  Sequence next;
  bool sound;
  friend bool operator==(const Seen&, const Seen&) = default;
};
std::vector<Seen> scan(const Log& log, StreamIndex stream, Sequence from) {
  std::vector<Seen> seen;
  const auto snapshot = log.snapshot();
  const auto done = snapshot.scan(stream, from, [&](const Log::Snapshot::Stored& stored) {
    seen.push_back({stored.first, stored.next, stored.batch.has_value()});
    return true;
  });
  REQUIRE(done.has_value());
  return seen;
}

/// Changes one byte of what is stored in `database` (empty: the unnamed one) under `key`, as a bad
/// disk would.
void damage(const TempDir& dir, const std::string& database, std::string key, std::size_t byte) {
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi dbi = 0;
  REQUIRE(mdb_env_create(&env) == 0);
  mdb_env_set_mapsize(env, limits::kLogMapBytes);
  mdb_env_set_maxdbs(env, 16);
  REQUIRE(mdb_env_open(env, (dir / "log").c_str(), 0, 0600) == 0);
  REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
  REQUIRE(mdb_dbi_open(txn, database.empty() ? nullptr : database.c_str(), 0, &dbi) == 0);
  MDB_val raw_key{key.size(), key.data()}, value;
  REQUIRE(mdb_get(txn, dbi, &raw_key, &value) == 0);
  std::string bytes(static_cast<const char*>(value.mv_data), value.mv_size);
  bytes.at(byte) = static_cast<char>(bytes.at(byte) ^ 1);
  value = {bytes.size(), bytes.data()};
  REQUIRE(mdb_put(txn, dbi, &raw_key, &value, 0) == 0);
  REQUIRE(mdb_txn_commit(txn) == 0);
  mdb_env_close(env);
}
std::string key_of(std::uint64_t sequence) {
  return {reinterpret_cast<const char*>(&sequence), sizeof sequence};
}

TEST_CASE("WhoeverBeginsOnceTheLogIsDeadEndsTheProcessInOrder") {
  const TempDir dir;
  for (const bool writes : {false, true}) {
    CHECK(test::exit_code_of([&] {
            const auto log = open_log(dir);
            const test::Unwritable broken(dir / "log", true);
            const BatchOrigin origin{log->stream(kFirst).incarnation, {7}, {1}, {0}, {1}};
            std::string batch = make_batch(origin, 1, "it");
            auto transaction = log->begin();
            if (!transaction.append(kFirst, batch, batch.data(), at(1)) || transaction.commit())
              std::_Exit(2);
            if (writes) {
              static_cast<void>(log->begin());
            } else {
              static_cast<void>(log->snapshot());
            }
          }) == 1);
  }
}

TEST_CASE("AfterACommitThatFailedThereIsNoOther") {
  const TempDir dir;
  const auto log = open_log(dir);
  append(*log, kFirst, at(1), 1);
  const auto commit_one = [&] {
    const BatchOrigin origin{log->stream(kFirst).incarnation, {7}, {1}, {1}, {2}};
    std::string batch = make_batch(origin, 1, "it");
    auto transaction = log->begin();
    REQUIRE(transaction.append(kFirst, batch, batch.data(), at(2)));
    return transaction.commit();
  };
  {
    const test::Unwritable broken(dir / "log", false);
    const auto failed = commit_one();
    REQUIRE_FALSE(failed);
    CHECK(failed.error().code == ErrorCode::kIo);
  }
  // The disk is well again; what it has of the pages that were written nobody knows.
  const auto next = commit_one();
  REQUIRE_FALSE(next);
  CHECK(next.error().message.find("cannot commit") != std::string::npos);
  CHECK(log->stream(kFirst).head() == Sequence{1});
}

TEST_CASE("BatchesAreDenseFromOneAndChainedByChecksum") {
  const TempDir dir;
  const auto log = open_log(dir);
  const auto first = append(*log, kFirst, at(10), 3);
  const auto second = append(*log, kFirst, at(11), 2);
  CHECK(first.first() == Sequence{1});
  CHECK(second.first() == Sequence{4});
  CHECK(first.place.previous_checksum == 0);
  CHECK(second.place.previous_checksum == first.checksum);
  CHECK(log->stream(kFirst).head() == Sequence{5});
  CHECK(scan(*log, kFirst, {1}) == std::vector<Seen>{{{1}, {4}, true}, {{4}, {6}, true}});
  CHECK(scan(*log, kFirst, {3}).front() == Seen{{1}, {4}, true});
}

TEST_CASE("CommitTimesNeverGoBackwards") {
  const TempDir dir;
  const auto log = open_log(dir);
  append(*log, kFirst, at(100));
  CHECK(append(*log, kFirst, at(50)).place.commit_time == at(100));
  CHECK(append(*log, kFirst, at(101)).place.commit_time == at(101));
}

TEST_CASE("WhatIsNotCommittedLeavesNoTrace") {
  const TempDir dir;
  const auto log = open_log(dir);
  {
    auto transaction = log->begin();
    std::string batch = make_batch({log->stream(kFirst).incarnation, {7}, {1}, {0}, {1}});
    REQUIRE(transaction.append(kFirst, batch, batch.data(), at(1)).has_value());
    CHECK(transaction.stream(kFirst).head() == Sequence{1});
  }
  CHECK(log->stream(kFirst).head() == Sequence{0});
  CHECK(append(*log, kFirst, at(1)).first() == Sequence{1});
}

TEST_CASE("ReopeningKeepsTheLogAndItsIncarnationButBootsAnew") {
  const TempDir dir;
  auto log = open_log(dir, {"a", "b"});
  append(*log, kSecond, at(10), 2);
  const auto record = log->stream(kSecond);
  const BootId boot = log->boot();
  log.reset();
  log = open_log(dir, {"a", "b"});
  CHECK(log->boot() != boot);
  CHECK(log->stream(kSecond).incarnation == record.incarnation);
  CHECK(log->stream(kSecond).next == Sequence{3});
  const auto next = append(*log, kSecond, at(11));
  CHECK(next.first() == Sequence{3});
  CHECK(next.place.previous_checksum == record.last_checksum);
}

TEST_CASE("StreamsHaveSequencesAndIncarnationsOfTheirOwn") {
  const TempDir dir;
  const auto log = open_log(dir, {"a", "b"});
  append(*log, kFirst, at(10), 5);
  CHECK(append(*log, kSecond, at(10)).first() == Sequence{1});
  CHECK(log->stream(kFirst).incarnation != log->stream(kSecond).incarnation);
}

TEST_CASE("AStreamThatIsAddedLaterBeginsAtOneAndLeavesTheOthersAlone") {
  const TempDir dir;
  append(*open_log(dir, {"a"}), kFirst, at(10), 5);
  const auto log = open_log(dir, {"b", "a"});
  CHECK(log->stream(kFirst).next == Sequence{1});
  CHECK(log->stream(kSecond).next == Sequence{6});
}

TEST_CASE("AStreamTrimmedEmptyDoesNotStartOver") {
  const TempDir dir;
  auto log = open_log(dir);
  const auto last = [&] {
    append(*log, kFirst, at(10), 3);
    return append(*log, kFirst, at(11), 2);
  }();
  CHECK(trim(*log, kFirst, 10) == 2);
  CHECK(log->stream(kFirst).oldest == Sequence{6});
  CHECK(log->stream(kFirst).bytes == 0);
  CHECK(scan(*log, kFirst, {6}).empty());
  log.reset();
  log = open_log(dir);
  const auto next = append(*log, kFirst, at(5));
  CHECK(next.first() == Sequence{6});
  CHECK(next.place.previous_checksum == last.checksum);
  CHECK(next.place.commit_time == at(11));
}

TEST_CASE("TrimmingStopsAtItsBoundAndAtTheFirstThatIsToStay") {
  const TempDir dir;
  const auto log = open_log(dir);
  for (int i = 0; i < 5; ++i) append(*log, kFirst, at(i));
  CHECK(trim(*log, kFirst, 2) == 2);
  CHECK(log->stream(kFirst).oldest == Sequence{3});
  auto transaction = log->begin();
  const auto trimmed = transaction.trim(
      kFirst, 10, [](const BatchHeader& header) { return header.place.commit_time < at(3); });
  CHECK(*trimmed == 1);
  CHECK(transaction.stream(kFirst).oldest == Sequence{4});
}

TEST_CASE("GapRecordsCountAsLostUntilTheyAreTrimmed") {
  const TempDir dir;
  const auto log = open_log(dir);
  auto transaction = log->begin();
  std::string gap = make_gap_record(log->stream(kFirst).incarnation, 4, "corruption");
  REQUIRE(transaction.append(kFirst, gap, gap.data(), at(1)).has_value());
  REQUIRE(transaction.commit().has_value());
  CHECK(log->stream(kFirst).lost == 4);
  CHECK(log->stream(kFirst).head() == Sequence{4});
  trim(*log, kFirst, 1);
  CHECK(log->stream(kFirst).lost == 0);
}

TEST_CASE("ADamagedLastBatchKeepsTheLogFromOpening") {
  const TempDir dir;
  {
    const auto log = open_log(dir);
    append(*log, kFirst, at(1));
    append(*log, kFirst, at(2));
  }
  damage(dir, "s/a", key_of(2), 120);
  const auto log = Log::open({dir / "log", {"a"}, kSmallFile});
  REQUIRE(!log);
  CHECK(log.error().code == ErrorCode::kCorruption);
  CHECK_THAT(log.error().message, Catch::Contains("stream a"));
}

TEST_CASE("ADamagedStreamRecordKeepsTheLogFromOpening") {
  const TempDir dir;
  append(*open_log(dir), kFirst, at(1));
  damage(dir, "", "stream/a", 17);
  const auto log = Log::open({dir / "log", {"a"}, kSmallFile});
  REQUIRE(!log);
  CHECK(log.error().code == ErrorCode::kCorruption);
}

TEST_CASE("ALogOfAnotherFormatIsRefused") {
  const TempDir dir;
  open_log(dir);
  damage(dir, "", "meta", 0);
  SECTION("whose records are as this one's") {}
  SECTION("whose records are others") { damage(dir, "", "stream/a", 64); }
  const auto log = Log::open({dir / "log", {"a"}, kSmallFile});
  REQUIRE(!log);
  CHECK(log.error().code == ErrorCode::kVersion);
  CHECK_THAT(log.error().message, Catch::Contains("its format is not"));
}

TEST_CASE("AnEnvironmentThatHoldsOtherThingsIsRefusedAndLeftAlone") {
  const TempDir dir;
  {
    const auto env = open_environment(dir / "log", limits::kLogMapBytes, 4);
    REQUIRE(env.has_value());
    MDB_txn* txn = nullptr;
    MDB_dbi dbi = 0;
    REQUIRE(mdb_txn_begin(env->get(), nullptr, 0, &txn) == 0);
    REQUIRE(mdb_dbi_open(txn, "meta", MDB_CREATE, &dbi) == 0);  // format 1 kept its number there
    REQUIRE(mdb_txn_commit(txn) == 0);
  }
  for (int i = 0; i < 2; ++i) {
    const auto log = Log::open({dir / "log", {"a"}, kSmallFile});
    REQUIRE(!log);
    CHECK(log.error().code == ErrorCode::kVersion);
  }
}

TEST_CASE("DamageInTheMiddleIsReportedWithExactlyItsRange") {
  const TempDir dir;
  {
    const auto log = open_log(dir);
    append(*log, kFirst, at(1), 2);
    append(*log, kFirst, at(2), 3);
    append(*log, kFirst, at(3), 1);
  }
  const std::size_t byte =
      GENERATE(0U, 24U, 64U, 100U, 130U);  // magic, count, base, checksum, payload
  damage(dir, "s/a", key_of(3), byte);
  const auto log = open_log(dir);
  CHECK(scan(*log, kFirst, {1}) ==
        std::vector<Seen>{{{1}, {3}, true}, {{3}, {6}, false}, {{6}, {7}, true}});
  CHECK(scan(*log, kFirst, {4}).front() == Seen{{3}, {6}, false});
}

TEST_CASE("ADamagedBatchIsTrimmedWithTheNextSoundOneAndNotBefore") {
  const TempDir dir;
  {
    const auto log = open_log(dir);
    for (int i = 1; i <= 5; ++i) append(*log, kFirst, at(i), 2);
  }
  damage(dir, "s/a", key_of(3), 100);
  damage(dir, "s/a", key_of(5), 30);
  const auto log = open_log(dir);
  const auto trim_before = [&](std::int64_t second) {
    auto transaction = log->begin();
    const auto trimmed = transaction.trim(kFirst, 10, [&](const BatchHeader& header) {
      return header.place.commit_time < at(second);
    });
    REQUIRE(trimmed.has_value());
    REQUIRE(transaction.commit().has_value());
    return *trimmed;
  };
  CHECK(trim_before(4) == 1);
  CHECK(log->stream(kFirst).oldest == Sequence{3});
  CHECK(trim_before(5) == 3);
  CHECK(log->stream(kFirst).oldest == Sequence{9});
  CHECK(scan(*log, kFirst, {9}) == std::vector<Seen>{{{9}, {11}, true}});
}

TEST_CASE("AStartTimeBesideDamageBeginsAtTheDamageRatherThanPastIt") {
  const TempDir dir;
  {
    const auto log = open_log(dir);
    for (int i = 1; i <= 9; ++i) append(*log, kFirst, at(10 * i));
  }
  damage(dir, "s/a", key_of(5), 70);
  const auto log = open_log(dir);
  const auto find = [&](std::int64_t second) {
    const auto found = log->snapshot().find_time(kFirst, at(second));
    REQUIRE(found.has_value());
    return found->value;
  };
  CHECK(find(40) == 4);
  CHECK(find(41) == 5);
  CHECK(find(60) == 5);
  CHECK(find(61) == 7);
  CHECK(find(91) == 10);
}

TEST_CASE("RecordsOfProducersAndConsumersComeBackAsTheyWere") {
  const TempDir dir;
  auto log = open_log(dir);
  ProducerRecord producer;
  producer.instance = test::id_of<InstanceId>('i');
  producer.epoch = {3};
  producer.departed = true;
  producer.start = {5};
  producer.position = {9};
  producer.sequence = {8};
  producer.fingerprint = 77;
  producer.time = at(12);
  producer.stream = "a";
  producer.name = "wms";
  ConsumerRecord consumer;
  consumer.incarnation = log->stream(kFirst).incarnation;
  consumer.start = {1};
  consumer.cursor = {6};
  consumer.lost = 2;
  consumer.failed = 1;
  {
    auto transaction = log->begin();
    REQUIRE(transaction.put_producer({42}, producer).has_value());
    REQUIRE(transaction.put_producer({43}, producer).has_value());
    REQUIRE(transaction.erase_producer({43}).has_value());
    REQUIRE(transaction.erase_producer({44}).has_value());
    REQUIRE(transaction.put_consumer({"a", "sourcing"}, consumer).has_value());
    REQUIRE(transaction.commit().has_value());
  }
  log.reset();
  log = open_log(dir);
  const auto snapshot = log->snapshot();
  const auto producers = snapshot.producers();
  REQUIRE(producers->size() == 1);
  CHECK(producers->front().first == ProducerId{42});
  CHECK(encode_record(producers->front().second) == encode_record(producer));
  const auto consumers = snapshot.consumers();
  REQUIRE(consumers->size() == 1);
  CHECK(consumers->front().first == ConsumerKey{"a", "sourcing"});
  CHECK(encode_record(consumers->front().second) == encode_record(consumer));
}

TEST_CASE("ASnapshotSeesOneMomentWhileTheLogGoesOn") {
  const TempDir dir;
  const auto log = open_log(dir);
  append(*log, kFirst, at(1));
  const auto snapshot = log->snapshot();
  append(*log, kFirst, at(2));
  trim(*log, kFirst, 1);
  CHECK(snapshot.stream(kFirst)->head() == Sequence{1});
  CHECK(snapshot.stream(kFirst)->oldest == Sequence{1});
}

}  // namespace
}  // namespace forebay
