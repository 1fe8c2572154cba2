#include "cli/machine.h"

#include <catch2/catch.hpp>

namespace forebay {
namespace {

constexpr const char* kMounts =
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
    "23 22 0:21 / /proc rw - proc proc rw\n"
    "40 22 8:1 / /srv rw,noatime - ext4 /dev/sdb1 rw\n"
    "41 22 8:2 / /srv/my\\040data rw master:1 propagate_from:2 - xfs /dev/sdc rw\n"
    "42 22 0:30 / /srv rw - tmpfs tmpfs rw\n";

std::string seen(const char* path) {
  const auto mount = mount_of(kMounts, path);
  return mount ? mount->file_system + " " + mount->device : "none";
}

TEST_CASE("TheMountOfAPathIsTheDeepestAboveItAndTheLastOneThere") {
  CHECK(seen("/") == "ext4 /dev/vda");
  CHECK(seen("/home/me") == "ext4 /dev/vda");
  CHECK(seen("/srv") == "tmpfs tmpfs");
  CHECK(seen("/srvs") == "ext4 /dev/vda");
  CHECK(seen("/srv/my data/state") == "xfs /dev/sdc");
}

TEST_CASE("AMountTableThatIsNoneSaysNothing") {
  CHECK_FALSE(mount_of("", "/").has_value());
  CHECK_FALSE(mount_of("a line without its dash\n", "/").has_value());
}

TEST_CASE("AFolderThatIsNotThereHasNoDisk") {
  CHECK_FALSE(disk_of("/nowhere/at/all").has_value());
  CHECK(disk_of("/")->free_bytes > 0);
  CHECK(disk_of("/")->bytes >= disk_of("/")->free_bytes);
}

}  // namespace
}  // namespace forebay
