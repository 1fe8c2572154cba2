// Gathers what host_checks.h looks at: from the file system, /proc and the network's interfaces.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/host_checks.h"
#include "common/base/result.h"
#include "topology/topology.h"

namespace forebay {

/// The hosts of the topology that this machine is: the one of that name; if it is empty, those with
/// one of these addresses, or the only one that there is. kBadInput.
[[nodiscard]] Result<std::vector<std::string>> hosts_here(
    const Topology& topology, const std::string& name, const std::vector<std::string>& addresses);
/// IPv4, of this machine.
[[nodiscard]] std::vector<std::string> own_addresses();

/// All sidecars and nodes of these hosts.
[[nodiscard]] std::vector<Resident> residents_of(const Topology& topology,
                                                 const std::vector<std::string>& hosts);

/// As the daemon would read it, but for whoever may.
[[nodiscard]] SecretFile look_at_secret(const std::string& path, uid_t folders_owner);

struct FileId {
  unsigned major, minor;  // of its file system
  ino_t inode;
};
/// Who holds the flock of a file, by a text as of /proc/locks.
[[nodiscard]] std::optional<pid_t> lock_holder(std::string_view locks, const FileId& file);
/// The hard limits in a text as of /proc/PID/limits; what is not there is unlimited.
[[nodiscard]] ProcessLimits hard_limits(std::string_view text);

/// A file of /proc or /sys; empty if it cannot be read.
[[nodiscard]] std::string text_of(const std::string& path);

}  // namespace forebay
