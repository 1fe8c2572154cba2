#include "common/client/view_folders.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/recorded_syncs.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

namespace fs = std::filesystem;

void make_view(const ViewFolders& folders, const std::string& name, const std::string& text) {
  fs::create_directory(folders.path(name));
  std::ofstream(folders.path(name) + "/data.mdb") << text;
}

std::string text_of(const ViewFolders& folders, const std::string& name) {
  std::string text;
  std::ifstream(folders.path(name) + "/data.mdb") >> text;
  return text;
}

TEST_CASE("ASwapIsKeptOverAReopenAndTheOldViewGoes") {
  const test::TempDir dir;
  {
    auto folders = ViewFolders::open(dir.path().string()).value();
    CHECK(folders.current() == "1");
    CHECK(folders.next_name() == "2");
    make_view(folders, "1", "old");
    make_view(folders, "2", "new");
    REQUIRE(folders.swap("2"));
    CHECK(folders.current() == "2");
  }
  const auto folders = ViewFolders::open(dir.path().string()).value();
  CHECK(folders.current() == "2");
  CHECK(folders.exists("2"));
  CHECK_FALSE(folders.exists("1"));
}

TEST_CASE("WhoeverIsKilledBetweenASwapAndItsSyncLeavesThatToTheNext") {
  const test::TempDir dir;
  const std::string state = dir.path().string();
  CHECK(ViewFolders::open(state));
  test::syncs().clear();
  CHECK(ViewFolders::open(state));  // the pointer is there, perhaps in the page cache alone
  CHECK(test::was_synced(state));
}

TEST_CASE("AnInterruptedBuildOrSwapLeavesTheOldView") {
  const test::TempDir dir;
  {
    const auto folders = ViewFolders::open(dir.path().string()).value();
    make_view(folders, "1", "old");
    make_view(folders, "2", "half");
    // Killed after the new pointer was written, before it was renamed into place.
    std::ofstream(dir / "current.new") << "2\n";
  }
  const auto folders = ViewFolders::open(dir.path().string()).value();
  CHECK(folders.current() == "1");
  CHECK(folders.exists("1"));
  CHECK_FALSE(folders.exists("2"));
  CHECK(folders.next_name() == "2");
}

TEST_CASE("APointerThatCannotBeReadOrNamesNoViewRemovesNothing") {
  const test::TempDir dir;
  {
    auto folders = ViewFolders::open(dir.path().string()).value();
    make_view(folders, "2", "live");
    REQUIRE(folders.swap("2"));
  }
  const auto live = dir.path() / "views/2/data.mdb";
  const auto is_refused = [&](ErrorCode code) {
    const auto folders = ViewFolders::open(dir.path().string());
    REQUIRE_FALSE(folders.has_value());
    CHECK(folders.error().code == code);
    CHECK(fs::exists(live));
  };
  const auto pointer = dir.path() / "current";
  fs::remove(pointer);
  fs::create_symlink(pointer, pointer);  // opening it fails, as on a disk with an error
  is_refused(ErrorCode::kIo);
  fs::remove(pointer);
  fs::create_directory(pointer);  // reading it fails
  is_refused(ErrorCode::kIo);
  fs::remove(pointer);
  for (const char* text : {"", "\n", "two\n"}) {
    std::ofstream(pointer.string()) << text;
    is_refused(ErrorCode::kCorruption);
  }
  std::ofstream(pointer.string()) << "2\n";
  CHECK(ViewFolders::open(dir.path().string()).value().current() == "2");
}

TEST_CASE("AScratchViewGetsItsNameOnceItIsWhole") {
  const test::TempDir dir;
  const auto folders = ViewFolders::open(dir.path().string()).value();
  make_view(folders, "2", "first");
  REQUIRE(folders.keep("2", "past"));
  make_view(folders, "2", "second");
  CHECK(text_of(folders, "past") == "first");
  REQUIRE(folders.keep("2", "past"));
  CHECK(text_of(folders, "past") == "second");
  CHECK_FALSE(folders.exists("2"));
  CHECK(ViewFolders::open(dir.path().string()).value().exists("past"));
}

TEST_CASE("AScratchViewHasANameThatIsNoNumberAndNoPath") {
  CHECK(ViewFolders::is_scratch_name("past"));
  CHECK(ViewFolders::is_scratch_name("2026-03"));
  for (const char* name : {"", "1", "42", ".", "..", "../1", "a/b", "A"})
    CHECK_FALSE(ViewFolders::is_scratch_name(name));
}

}  // namespace
}  // namespace forebay
