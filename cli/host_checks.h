// What `forebay doctor` makes of this host: its clock, and of each sidecar and node that lives here
// the state folder, its disk, limits and keys. From facts to findings; host_facts.h gathers them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "cli/finding.h"
#include "topology/topology.h"

namespace forebay {

struct SecretFile {
  std::string path;
  bool there = false;
  std::string fault;  // why it could not be read; empty: it was
  bool regular = true;
  bool owner_alone = true;       // nobody else may read or write it
  bool of_folders_owner = true;  // who runs the process reads no other
  std::string public_key;        // empty: it holds no key
};

struct ProcessLimits {
  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t descriptors = kUnlimited;
  std::uint64_t address_space = kUnlimited;
};

/// A sidecar or node of this host.
struct Resident {
  std::string name;
  std::string program;  // "forebay-sidecar"; empty: somebody's own
  bool is_sidecar = false;
  bool subscribes = false;
  std::string folder = {};  // of its state
  bool folder_there = true;
  bool may_enter = true;   // this user
  std::string owner = {};  // the folder's user
  unsigned mode = 0700;
  bool remote = false;  // the folder's file system
  std::uint64_t free_bytes = 0, disk_bytes = 0;
  std::optional<pid_t> process = {};  // that holds the folder's lock
  ProcessLimits limits = {};          // hard ones of that process, else of this
  SecretFile secret = {}, next_secret = {};
  bool source_there = true;  // of a feed
};

/// "`systemctl start forebay-sidecar@inventory`, or …": how the process is started, or `restart`ed.
[[nodiscard]] std::string how_to(const std::string& start, const std::string& name,
                                 const std::string& program);

[[nodiscard]] Finding check_clock(bool synchronised);
[[nodiscard]] Finding check_folder(const Resident& resident);
[[nodiscard]] Finding check_disk(const Resident& resident);
/// Of sidecars, and of nodes that keep a view.
[[nodiscard]] Finding check_limits(const Resident& resident);
/// Of a feed: that it runs, if it is to follow its file.
[[nodiscard]] Finding check_feed(const Resident& resident, const Node& feed);
/// Of what the topology has keys of.
[[nodiscard]] Findings check_keys(const Resident& resident, const Identity& listed);

}  // namespace forebay
