// The machine and the disk that something is measured on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace forebay {

struct Machine {
  unsigned cores = 0;  // that this process may use
  std::string processor;
  std::string kernel;  // "Linux 6.1.0-18-amd64"
};

/// What the system says; empty where it does not.
[[nodiscard]] Machine this_machine();

struct Mount {
  std::string file_system;  // "ext4"
  std::string device;       // "/dev/sda1"
};

/// The mount of `path` (absolute, without links) in a text as of /proc/self/mountinfo.
[[nodiscard]] std::optional<Mount> mount_of(std::string_view mountinfo, std::string_view path);

struct Disk {
  Mount mount;                   // empty where the system does not say
  std::uint64_t free_bytes = 0;  // for this user
  std::uint64_t bytes = 0;       // of all of it
};

/// The disk that holds `folder`, which is there. kIo.
[[nodiscard]] Result<Disk> disk_of(const std::string& folder);

}  // namespace forebay
