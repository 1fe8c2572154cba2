// As many streams as a sidecar may own, and one more.
#include <lmdb.h>

#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "sidecar/log/log.h"
#include "sidecar/log/verify.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

std::vector<std::string> names(std::size_t count, const std::string& prefix) {
  std::vector<std::string> streams;
  for (std::size_t i = 0; i < count; ++i) streams.push_back(prefix + std::to_string(i));
  return streams;
}

TEST_CASE("ALogHoldsOnlySoManyStreamsWithThoseThatLeftTheTopology") {
  const test::TempDir dir;
  const auto open = [&](const std::vector<std::string>& streams) {
    return Log::open({dir / "log", streams, std::nullopt});
  };
  REQUIRE(open(names(limits::kStreamsMax, "s")).has_value());
  // One more was taken once, and the log refused as damaged from the next start on.
  const auto more = open({"s0", "more"});
  REQUIRE_FALSE(more.has_value());
  CHECK(more.error().code == ErrorCode::kBadInput);
  CHECK_THAT(more.error().message,
             Catch::Contains("holds " + std::to_string(limits::kStreamsMax) + " streams at most"));
  CHECK(open({"s0"}).has_value());
  const auto report = verify_log(dir / "log");
  REQUIRE(report.has_value());
  CHECK(report->sound());
  CHECK(report->streams.size() == limits::kStreamsMax);
}

/// A log to which more streams were added behind its back.
TEST_CASE("OfALogWithMoreStreamsThanItMayHoldTheRestAreProblems") {
  const test::TempDir dir;
  REQUIRE(Log::open({dir / "log", names(limits::kStreamsMax, "s"), std::nullopt}).has_value());
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi dbi = 0;
  REQUIRE(mdb_env_create(&env) == 0);
  mdb_env_set_mapsize(env, limits::kLogMapBytes);
  mdb_env_set_maxdbs(env, 16);
  REQUIRE(mdb_env_open(env, (dir / "log").c_str(), 0, 0600) == 0);
  REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
  for (const char* name : {"s/t0", "s/t1"})
    REQUIRE(mdb_dbi_open(txn, name, MDB_CREATE | MDB_INTEGERKEY, &dbi) == 0);
  REQUIRE(mdb_txn_commit(txn) == 0);
  mdb_env_close(env);
  const auto report = verify_log(dir / "log");
  REQUIRE(report.has_value());
  CHECK(report->streams.size() == limits::kStreamsMax);
  CHECK(report->problems == std::vector<std::string>{"record s/t0: this is no stream's name",
                                                     "record s/t1: this is no stream's name"});
}

}  // namespace
}  // namespace forebay
