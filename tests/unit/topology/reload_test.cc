#include "topology/reload.h"

#include <spdlog/spdlog.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

const std::string kTopology =
    "[topology]\nname = 't'\nlog_level = 'warning'\n[hosts.a]\n[sidecars.s]\nhost = 'a'\n"
    "streams = { x = {} }\n";

TEST_CASE("AFileReadAgainIsPreparedAndItsLogLevelCounts") {
  const test::TempDir dir;
  const std::string path = dir / "t.toml";
  write(path, kTopology);
  const auto before = spdlog::get_level();
  std::string prepared;
  CHECK(reread(path, [&](const Topology& topology) {
    prepared = topology.name;
    return Result<void>();
  }));
  CHECK(prepared == "t");
  CHECK(spdlog::get_level() == spdlog::level::warn);
  spdlog::set_level(before);
}

TEST_CASE("AFileWithAFaultOrOneThatCannotBePreparedChangesNothing") {
  const test::TempDir dir;
  const std::string path = dir / "t.toml";
  write(path, kTopology);
  const auto before = spdlog::get_level();
  CHECK_FALSE(reread(path, [](const Topology&) -> Result<void> {
    return fail(ErrorCode::kBadInput, "its folder would be another");
  }));
  CHECK(spdlog::get_level() == before);
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

}  // namespace
}  // namespace forebay
