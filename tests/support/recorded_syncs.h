// What this program has synced: stands before libc's fsync. For one file of a test program.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace forebay::test {

inline std::vector<std::string>& syncs() {
  static std::vector<std::string> paths;
  return paths;
}

inline bool was_synced(const std::string& path) {
  return std::find(syncs().begin(), syncs().end(), std::filesystem::canonical(path).string()) !=
         syncs().end();
}

}  // namespace forebay::test

extern "C" int fsync(int descriptor) {
  std::error_code error;
  const auto path = std::filesystem::read_symlink(
      std::filesystem::path("/proc/self/fd") / std::to_string(descriptor), error);
  if (!error) forebay::test::syncs().push_back(path.string());
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}
