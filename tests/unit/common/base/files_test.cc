#include "common/base/files.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/support/recorded_syncs.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

namespace fs = std::filesystem;

TEST_CASE("APrivateFolderIsSyncedInTheFoldersAboveItAlsoWhereItIsThereAlready") {
  const test::TempDir dir;
  const std::string folder = dir / "state/inventory";
  for (int i = 0; i < 2; ++i) {  // whoever made it may have been killed before it synced
    test::syncs().clear();
    REQUIRE(make_private_folder(folder));
    CHECK(test::was_synced(dir / "state"));
    CHECK(test::was_synced(dir.path().string()));
  }
  CHECK(fs::status(folder).permissions() == fs::perms::owner_all);
}

}  // namespace
}  // namespace forebay
