#include "nodes/feed/rejects_file.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "common/base/limits.h"
#include "tests/support/memory.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

constexpr std::uint64_t kFingerprint = 7;

/// Whether a reject that ends at `offset` makes the file longer; false: it was noted before.
bool notes(const std::string& path, std::uint64_t offset) {
  const auto file = RejectsFile::open(path, kFingerprint).value();
  const auto before = std::filesystem::file_size(path);
  REQUIRE(file->add({1, offset, "no event", "text"}));
  return std::filesystem::file_size(path) > before;
}

TEST_CASE("WhatWasNotedBeforeIsNotNotedAgain") {
  const test::TempDir dir;
  const std::string path = dir / "rejects";
  CHECK(notes(path, 10));
  CHECK_FALSE(notes(path, 10));
  CHECK(notes(path, 20));
}

TEST_CASE("OfALongFileOnlyTheEndIsRead") {
  const test::TempDir dir;
  const std::string path = dir / "rejects";
  constexpr std::size_t kSize = std::size_t{1} << 30;
  std::ofstream(path) << "";
  std::filesystem::resize_file(path, kSize);  // zeros, that take no room
  std::ofstream(path, std::ios::app) << '\n';
  const std::size_t before = test::peak_memory_bytes();
  CHECK(notes(path, 10));
  CHECK_FALSE(notes(path, 10));
  CHECK(test::peak_memory_bytes() - before < (512 << 20));  // the sanitizers add their own
}

TEST_CASE("TheLongestRecordIsFoundBeforeATornOneOfTheSameLength") {
  const test::TempDir dir;
  const std::string path = dir / "rejects";
  const std::string longest(limits::kLineBytesMax, '\0');  // each byte takes six in JSON
  REQUIRE(RejectsFile::open(path, kFingerprint).value()->add({1, 10, "no event", longest}));
  const auto size = std::filesystem::file_size(path);
  std::ofstream(path, std::ios::app) << std::string(size - 1, 'x');
  CHECK_FALSE(notes(path, 10));
  CHECK(std::filesystem::file_size(path) == size);
}

}  // namespace
}  // namespace forebay
