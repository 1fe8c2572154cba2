#include "topology/daemon/daemon.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <set>

#include "tests/support/temp_dir.h"
#include "topology/load.h"

namespace forebay {
namespace {

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

const std::string kTopology =
    "[topology]\nname = 't'\nlog_level = 'warning'\n[hosts.a]\n[sidecars.s]\nhost = 'a'\n"
    "streams = { x = {} }\n";

TEST_CASE("AFileReadAgainIsPrepared") {
  const test::TempDir dir;
  const std::string path = dir / "t.toml";
  write(path, kTopology);
  std::string prepared;
  CHECK(reread(path, [&](const Topology& topology) {
    prepared = topology.name;
    return Result<void>();
  }));
  CHECK(prepared == "t");
}

TEST_CASE("AFileWithAFaultOrOneThatCannotBePreparedChangesNothing") {
  const test::TempDir dir;
  const std::string path = dir / "t.toml";
  write(path, kTopology);
  CHECK_FALSE(reread(path, [](const Topology&) -> Result<void> {
    return fail(ErrorCode::kBadInput, "its folder would be another");
  }));
  write(path, "[topology\n");
  CHECK_FALSE(reread(path, [](const Topology&) -> Result<void> {
    FAIL("there is nothing to prepare");
    return {};
  }));
}

TEST_CASE("WhatWouldMoveIsSaidWithBothPlaces") {
  CHECK(stays("endpoint", "tcp://a", "tcp://a"));
  const auto moved = stays("endpoint", "tcp://a", "tcp://b");
  REQUIRE(!moved);
  CHECK(
      moved.error().message ==
      "its endpoint would be tcp://b in place of tcp://a: that takes a restart of all who use it");
}

TEST_CASE("ANameThatIsNotThereIsSaidWithTheOneThatWasMeant") {
  CHECK(is_known("feed", "lines", {"files", "lines"}));
  const auto unknown = is_known("feed", "line", {"files", "lines"});
  REQUIRE(!unknown);
  CHECK(unknown.error().message == "there is no feed 'line'; did you mean 'lines'?");
}

/// Serves the log level of its topology for as long as the test says.
struct DaemonFixture {
  struct Options {
    std::string level;
  };
  test::TempDir dir;
  std::string path = dir / "t.toml";
  std::vector<std::string> served;
  std::vector<spdlog::level::level_enum> levels;  // of the log, while each was served
  bool cannot_be_read = false;
  std::function<void()> as_it_fails = [] {};
  std::set<std::string> cannot_begin;  // levels with which it does not
  std::function<Result<void>(StopSignals&)> meanwhile;

  DaemonFixture() { write_level("warning"); }
  ~DaemonFixture() { spdlog::set_level(spdlog::level::info); }

  void write_level(const std::string& level) const {
    write(path, "[topology]\nname = 't'\nstate_dir = '" + dir.path().string() + "'\nlog_level = '" +
                    level + "'\n[hosts.a]\n[sidecars.s]\nhost = 'a'\nstreams = { x = {} }\n");
  }
  /// What SIGHUP does, once `level` is what the file says.
  Result<void> reload(const std::string& level, StopSignals& signals) const {
    write_level(level);
    REQUIRE(::kill(::getpid(), SIGHUP) == 0);
    CHECK(signals.arrived());
    return {};
  }
  static Result<void> stop(StopSignals& signals) {
    REQUIRE(::kill(::getpid(), SIGTERM) == 0);
    CHECK(signals.arrived());
    return {};
  }

  Result<void> run() {
    DaemonKind<Options> kind{
        .texts = {"forebay-sidecar", "1", "sidecar", "Serves.", ""},
        .names = [](const Topology&) { return std::vector<std::string_view>{"s"}; },
        .options_of = [this](const Topology& topology, const std::string&) -> Result<Options> {
          CHECK_FALSE(cannot_be_read);
          return Options{topology.log_level};
        },
        .serve = [this](const Options& options, StopSignals& signals) -> Result<void> {
          served.push_back(options.level);
          levels.push_back(spdlog::get_level());
          if (cannot_begin.contains(options.level)) {
            as_it_fails();
            return fail(ErrorCode::kIo, "cannot bind");
          }
          signals.set_ready("serving");
          return meanwhile(signals);
        }};
    const auto topology = load_topology(path);
    REQUIRE(topology);
    return Daemon<Options>(kind, path, "s").run(*topology);
  }
  using Served = std::vector<std::string>;
};

TEST_CASE("ADaemonBeginsAnewWithWhatTheFileSaysAtEachSighupAndEndsWithAStop") {
  DaemonFixture f;
  f.meanwhile = [&](StopSignals& signals) {
    if (f.served.size() == 3) return DaemonFixture::stop(signals);
    return f.reload(f.served.size() == 1 ? "error" : "critical", signals);
  };
  CHECK(f.run());
  CHECK(f.served == DaemonFixture::Served{"warning", "error", "critical"});
}

TEST_CASE("AReloadWithWhichADaemonCannotEvenBeginIsGivenUpForWhatWasServedBefore") {
  DaemonFixture f;
  f.cannot_begin = {"error"};
  f.meanwhile = [&](StopSignals& signals) {
    if (f.served.size() == 3) return DaemonFixture::stop(signals);
    return f.reload("error", signals);
  };
  CHECK(f.run());
  CHECK(f.served == DaemonFixture::Served{"warning", "error", "warning"});
  CHECK(f.levels.back() == spdlog::level::warn);
}

TEST_CASE("ADaemonThatCannotBeginAtAllEnds") {
  DaemonFixture f;
  f.cannot_begin = {"warning"};
  CHECK_FALSE(f.run());
  CHECK(f.served == DaemonFixture::Served{"warning"});
}

TEST_CASE("AReloadIsGivenUpOnce") {
  DaemonFixture f;
  f.meanwhile = [&](StopSignals& signals) {
    f.cannot_begin = {"warning", "error"};
    return f.reload("error", signals);
  };
  CHECK_FALSE(f.run());
  CHECK(f.served == DaemonFixture::Served{"warning", "error", "warning"});
}

TEST_CASE("WhatComesWhileAReloadFailsIsNotForgotten") {
  DaemonFixture f;
  f.cannot_begin = {"error"};
  f.meanwhile = [&](StopSignals& signals) { return f.reload("error", signals); };
  f.as_it_fails = [&] {
    if (f.served.size() == 2) f.write_level("critical");
    REQUIRE(::kill(::getpid(), f.served.size() == 2 ? SIGHUP : SIGTERM) == 0);
  };
  CHECK(f.run());
  CHECK(f.served == DaemonFixture::Served{"warning", "error", "critical", "error"});
}

TEST_CASE("WhatFailsOnceItHasBegunIsNoReasonToGoBack") {
  DaemonFixture f;
  f.meanwhile = [&](StopSignals& signals) -> Result<void> {
    if (f.served.size() >= 2) return fail(ErrorCode::kIo, "the disk is gone");
    return f.reload("error", signals);
  };
  CHECK_FALSE(f.run());
  CHECK(f.served == DaemonFixture::Served{"warning", "error"});
}

TEST_CASE("WhatFailsWhileItLeavesOffForAReloadIsNoReasonToGoBackEither") {
  DaemonFixture f;
  f.meanwhile = [&](StopSignals& signals) -> Result<void> {
    auto done = f.reload(f.served.size() == 1 ? "error" : "critical", signals);
    if (f.served.size() >= 2) return fail(ErrorCode::kIo, "the disk is gone");
    return done;
  };
  CHECK_FALSE(f.run());
  CHECK(f.served == DaemonFixture::Served{"warning", "error"});
}

TEST_CASE("AFolderThatWouldMoveIsRefusedBeforeAnythingOfItIsRead") {
  DaemonFixture f;
  f.meanwhile = [&](StopSignals& signals) -> Result<void> {
    write(f.path,
          "[topology]\nname = 't'\nstate_dir = '/elsewhere'\n[hosts.a]\n[sidecars.s]\n"
          "host = 'a'\nstreams = { x = {} }\n");
    f.cannot_be_read = true;
    REQUIRE(::kill(::getpid(), SIGHUP) == 0);
    CHECK_FALSE(signals.arrived());
    return DaemonFixture::stop(signals);
  };
  CHECK(f.run());
  CHECK(f.served == DaemonFixture::Served{"warning"});
}

}  // namespace
}  // namespace forebay
