#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <optional>

#include "common/service/descriptors.h"
#include "common/service/signals.h"
#include "common/service/state_lock.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

using test::TempDir;

TEST_CASE("AStateDirectoryHasOneOwnerUntilItLetsGo") {
  const TempDir dir;
  std::optional<StateLock> first(std::move(*StateLock::take(dir / "state")));
  const auto second = StateLock::take(dir / "state");
  REQUIRE(!second);
  CHECK(second.error().code == ErrorCode::kUnavailable);
  CHECK_THAT(second.error().message, Catch::Contains("in use"));
  StateLock moved(std::move(*first));
  first.reset();
  CHECK_FALSE(StateLock::take(dir / "state").has_value());
  { const StateLock last(std::move(moved)); }
  CHECK(StateLock::take(dir / "state").has_value());
}

TEST_CASE("AStateDirectoryIsMadeWithItsParentsForItsOwnerAlone") {
  const TempDir dir;
  const auto lock = StateLock::take(dir / "a/b/state");
  REQUIRE(lock.has_value());
  struct stat status {};
  REQUIRE(::stat((dir / "a/b/state").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
}

TEST_CASE("AStateDirectoryThatCannotBeMadeIsAnErrorThatSaysWhere") {
  const auto lock = StateLock::take("/proc/nowhere/state");
  REQUIRE(!lock);
  CHECK(lock.error().code == ErrorCode::kIo);
  CHECK_THAT(lock.error().message, Catch::Contains("/proc/nowhere"));
}

TEST_CASE("AStopSignalMakesTheDescriptorReadableAndIsTakenOnce") {
  StopSignals signals;
  CHECK_FALSE(signals.arrived());
  REQUIRE(::kill(::getpid(), SIGTERM) == 0);
  pollfd readable{signals.descriptor(), POLLIN, 0};
  REQUIRE(::poll(&readable, 1, 5000) == 1);
  CHECK(signals.arrived());
  CHECK_FALSE(signals.arrived());
}

TEST_CASE("SighupAsksWhetherToBeginAnewAndARefusalIsNoReasonToLeaveOff") {
  bool wanted = false;
  int asked = 0;
  StopSignals signals([&] {
    ++asked;
    return wanted;
  });
  REQUIRE(::kill(::getpid(), SIGHUP) == 0);
  CHECK_FALSE(signals.arrived());
  CHECK(asked == 1);
  wanted = true;
  REQUIRE(::kill(::getpid(), SIGHUP) == 0);
  CHECK(signals.arrived());
  CHECK(asked == 2);
  CHECK_FALSE(signals.arrived());
}

TEST_CASE("AStopThatComesWithARefusedReloadIsTaken") {
  StopSignals signals([] { return false; });
  REQUIRE(::kill(::getpid(), SIGHUP) == 0);
  REQUIRE(::kill(::getpid(), SIGTERM) == 0);
  CHECK(signals.arrived());
}

TEST_CASE("AfterAStopThereIsNoReload") {
  int asked = 0;
  StopSignals signals([&] {
    ++asked;
    return true;
  });
  REQUIRE(::kill(::getpid(), SIGHUP) == 0);
  CHECK(signals.arrived());
  CHECK_FALSE(signals.stopped());
  REQUIRE(::kill(::getpid(), SIGTERM) == 0);
  CHECK(signals.arrived());
  CHECK(signals.stopped());
  REQUIRE(::kill(::getpid(), SIGHUP) == 0);
  CHECK_FALSE(signals.arrived());
  CHECK(asked == 1);
}

TEST_CASE("TheDescriptorLimitIsRaisedAsFarAsItGoes") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit low{std::min<rlim_t>(256, before.rlim_max), before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  CHECK(raise_descriptor_limit() == before.rlim_max);
  rlimit after{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &after) == 0);
  CHECK(after.rlim_cur == before.rlim_max);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

}  // namespace
}  // namespace forebay
