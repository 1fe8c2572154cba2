#include "common/wire/secret_file.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

TEST_CASE("ASecretIsItsOwnersAloneAndReadAsItWasWritten") {
  const test::TempDir dir;
  const std::string path = dir / "secret.key";
  CHECK(read_secret(path).error().code == ErrorCode::kNotFound);
  const KeyPair keys = make_key_pair();
  REQUIRE(write_secret(path, keys).has_value());
  const auto read = read_secret(path);
  REQUIRE(read.has_value());
  CHECK(read->secret_key == keys.secret_key);
  CHECK(read->public_key == keys.public_key);
  CHECK(write_secret(path, make_key_pair()).error().code == ErrorCode::kBadInput);
  CHECK(read_secret(path)->secret_key == keys.secret_key);
  for (const auto also :
       {std::filesystem::perms::group_read, std::filesystem::perms::others_read}) {
    std::filesystem::permissions(path, std::filesystem::perms::owner_read | also);
    CHECK(read_secret(path).error().code == ErrorCode::kBadInput);
  }
}

TEST_CASE("AFileThatHoldsNoKeyIsSaidSo") {
  const test::TempDir dir;
  const std::string path = dir / "secret.key";
  for (const std::string text : {"", "key", "0123456789012345678901234567890123456789x"}) {
    std::ofstream(path, std::ios::trunc) << text;
    std::filesystem::permissions(
        path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    CHECK(read_secret(path).error().code == ErrorCode::kBadInput);
  }
}

}  // namespace
}  // namespace forebay
