#include "sidecar/fetch.h"

#include <lmdb.h>

#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "tests/support/damaged_log.h"
#include "tests/support/made_batches.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

/// A log of five batches of two events each, the first trimmed: it holds 3 to 10.
struct FetchFixture {
  FetchFixture() {
    auto transaction = log->begin();
    for (int i = 0; i < 5; ++i) {
      std::string batch = test::make_batch({incarnation, {1}, {1}, {0}, {2}}, 2);
      const auto header = transaction.append({0}, batch, batch.data(), WallTime{});
      REQUIRE(header.has_value());
      headers.push_back(*header);
      batch_bytes = batch.size();
    }
    REQUIRE(transaction.trim({0}, 1, [](const BatchHeader&) { return true; }).has_value());
    REQUIRE(transaction.commit().has_value());
  }
  Outgoing serve(Fetch request, std::uint64_t bytes_max = limits::kFetchReplyBytesMax) const {
    request.stream = request.stream.empty() ? "a" : request.stream;
    auto reply = serve_fetch(*log, {"peer", 3}, request, bytes_max);
    REQUIRE(reply.has_value());
    return std::move(*reply);
  }
  static Fetch from(std::uint64_t sequence, std::uint64_t to = 0) {
    Fetch request;
    request.from = {sequence};
    request.to = {to};
    return request;
  }

  test::TempDir dir;
  std::unique_ptr<Log> log = std::move(*Log::open({dir / "log", {"a"}, std::uint64_t{12} << 20}));
  Incarnation incarnation = log->stream({0}).incarnation;
  std::vector<BatchHeader> headers;
  std::size_t batch_bytes = 0;
};

TEST_CASE("AFetchBringsWholeBatchesUpToTheHead") {
  const FetchFixture f;
  const auto reply = f.serve(FetchFixture::from(6));
  const auto& batches = std::get<Batches>(reply.reply);
  CHECK(reply.peer.request == 3);
  CHECK(batches.next == Sequence{11});
  CHECK_FALSE(batches.more);
  CHECK(batches.head == Sequence{10});
  CHECK(batches.oldest == Sequence{3});
  CHECK(parse_batch_header(reply.batches)->first() == Sequence{5});
  CHECK(reply.batches.size() == 3 * f.batch_bytes);
}

TEST_CASE("AFetchEndsAtItsRangeOrItsBytesButHoldsAtLeastOneBatch") {
  const FetchFixture f;
  const auto ranged = f.serve(FetchFixture::from(3, 6));
  CHECK(std::get<Batches>(ranged.reply).next == Sequence{7});
  CHECK_FALSE(std::get<Batches>(ranged.reply).more);
  Fetch small = FetchFixture::from(3);
  small.bytes = 1;
  const auto one = f.serve(small);
  CHECK(one.batches.size() == f.batch_bytes);
  CHECK(std::get<Batches>(one.reply).next == Sequence{5});
  CHECK(std::get<Batches>(one.reply).more);
}

TEST_CASE("AReplyIsNoLongerThanTheSidecarAllowsHoweverMuchIsAskedFor") {
  const FetchFixture f;
  Fetch request = FetchFixture::from(3);
  request.bytes = GENERATE(std::uint64_t{0}, std::uint64_t{1} << 40);  // 0: as much as there may be
  const auto reply = f.serve(request, 2 * f.batch_bytes);
  CHECK(reply.batches.size() == 2 * f.batch_bytes);
  CHECK(std::get<Batches>(reply.reply).next == Sequence{7});
  CHECK(std::get<Batches>(reply.reply).more);
}

TEST_CASE("AFetchAtTheEndBringsNothingAndPastItIsDiverged") {
  const FetchFixture f;
  const auto end = f.serve(FetchFixture::from(11));
  CHECK(end.batches.empty());
  CHECK(std::get<Batches>(end.reply).next == Sequence{11});
  CHECK(std::holds_alternative<Diverged>(f.serve(FetchFixture::from(12)).reply));
}

/// As if no page led to them any more.
void take_out(const std::string& dir, const std::vector<std::uint64_t>& bases) {
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi dbi = 0;
  REQUIRE(mdb_env_create(&env) == 0);
  mdb_env_set_mapsize(env, limits::kLogMapBytes);
  mdb_env_set_maxdbs(env, 16);
  REQUIRE(mdb_env_open(env, dir.c_str(), 0, 0600) == 0);
  REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
  REQUIRE(mdb_dbi_open(txn, "s/a", 0, &dbi) == 0);
  for (std::uint64_t base : bases) {
    MDB_val key{sizeof base, &base};
    REQUIRE(mdb_del(txn, dbi, &key, nullptr) == 0);
  }
  REQUIRE(mdb_txn_commit(txn) == 0);
  mdb_env_close(env);
}

TEST_CASE("WhatIsMissingBeforeTheFirstBatchFoundIsCorruptAndNotPassedOver") {
  FetchFixture f;
  f.log.reset();
  take_out(f.dir / "log", {3, 5});
  f.log = std::move(*Log::open({f.dir / "log", {"a"}, std::uint64_t{12} << 20}));
  const auto reply = f.serve(FetchFixture::from(4));
  const auto* corrupt = std::get_if<Corrupt>(&reply.reply);
  REQUIRE(corrupt != nullptr);
  CHECK(corrupt->first == Sequence{4});
  CHECK(corrupt->count == 3);
  CHECK(std::get<Batches>(f.serve(FetchFixture::from(7)).reply).next == Sequence{11});
}

/// 11, 12, 13 and 14, each on pages of its own; the one of 12 is not there.
void add_with_a_page_lost(FetchFixture& f, std::uint64_t damaged = 0) {
  auto transaction = f.log->begin();
  for (std::uint64_t at = 11; at <= 14; ++at) {
    std::string batch =
        test::make_batch({f.incarnation, {1}, {1}, {0}, {1}}, 1, std::string(4000, 'x'));
    if (at == damaged) batch.back() = static_cast<char>(batch.back() ^ 1);
    REQUIRE(transaction.append({0}, batch, batch.data(), WallTime{}).has_value());
  }
  REQUIRE(transaction.commit().has_value());
  f.log.reset();
  test::lose_value(f.dir / "log/data.mdb", 12);
  f.log = std::move(*Log::open({f.dir / "log", {"a"}, std::uint64_t{12} << 20}));
}

TEST_CASE("ADamagedBatchBeforeAPageThatIsNotThereHidesNothingBehindIt") {
  FetchFixture f;
  add_with_a_page_lost(f, 11);
  const auto reply = f.serve(FetchFixture::from(11));
  const auto* corrupt = std::get_if<Corrupt>(&reply.reply);
  REQUIRE(corrupt != nullptr);
  CHECK(corrupt->first == Sequence{11});
  CHECK(corrupt->count == 2);
}

TEST_CASE("APageThatIsNotThereIsCorruptAndWhatComesBeforeAndAfterIsServed") {
  FetchFixture f;
  add_with_a_page_lost(f);
  const auto before = f.serve(FetchFixture::from(9));
  CHECK(std::get<Batches>(before.reply).next == Sequence{12});
  CHECK(std::get<Batches>(before.reply).more);
  const auto at = f.serve(FetchFixture::from(12));
  const auto* corrupt = std::get_if<Corrupt>(&at.reply);
  REQUIRE(corrupt != nullptr);
  CHECK(corrupt->first == Sequence{12});
  CHECK(corrupt->count == 1);
  CHECK(std::get<Batches>(f.serve(FetchFixture::from(13)).reply).next == Sequence{15});
}

TEST_CASE("AFetchFromBeforeTheOldestIsTrimmed") {
  const FetchFixture f;
  const auto reply = f.serve(FetchFixture::from(2));
  CHECK(std::get<Trimmed>(reply.reply).oldest == Sequence{3});
  CHECK(std::get<Trimmed>(reply.reply).head == Sequence{10});
}

TEST_CASE("AnotherIncarnationOrAnotherBatchBeforeIsDiverged") {
  const FetchFixture f;
  Fetch request = FetchFixture::from(7);
  request.incarnation = test::id_of<Incarnation>('Z');
  CHECK(std::holds_alternative<Diverged>(f.serve(request).reply));
  request.incarnation = f.incarnation;
  request.checksum = f.headers[2].checksum;  // the batch of 5 and 6
  CHECK(std::holds_alternative<Batches>(f.serve(request).reply));
  request.checksum ^= 1;
  CHECK(std::holds_alternative<Diverged>(f.serve(request).reply));
  request.from = {6};  // within that batch: its own checksum counts
  request.checksum = f.headers[2].checksum;
  CHECK(std::holds_alternative<Batches>(f.serve(request).reply));
  request.from = {11};  // at the end
  request.checksum = f.headers[4].checksum;
  CHECK(std::holds_alternative<Batches>(f.serve(request).reply));
  request.checksum ^= 1;
  CHECK(std::holds_alternative<Diverged>(f.serve(request).reply));
}

TEST_CASE("ARequestThatCannotBeIsAnswered") {
  const FetchFixture f;
  Fetch request = FetchFixture::from(3);
  request.stream = "elsewhere";
  CHECK(std::get<ErrorReply>(f.serve(request).reply).code == ErrorCode::kNotFound);
  CHECK(std::get<ErrorReply>(f.serve(FetchFixture::from(0)).reply).code == ErrorCode::kBadInput);
  CHECK(std::get<ErrorReply>(f.serve(FetchFixture::from(5, 4)).reply).code == ErrorCode::kBadInput);
}

}  // namespace
}  // namespace forebay
