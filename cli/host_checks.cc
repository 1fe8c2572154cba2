#include "cli/host_checks.h"

#include <algorithm>

#include "cli/status_report.h"
#include "common/base/limits.h"

namespace forebay {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr std::uint64_t kDiskBytesMin = 64 * kMiB;       // below it, a sidecar is full in a moment
constexpr std::uint64_t kDescriptorsWanted = 65'536;     // docs/security.md
constexpr std::uint64_t kBesideMapsBytes = 4096 * kMiB;  // code, stacks, buffers

Finding finding(const char* check, const Resident& resident) { return {check, resident.name}; }

Finding with(Finding finding, Severity severity, std::string cause, std::string mend) {
  finding.severity = severity;
  finding.cause = std::move(cause);
  finding.mend = std::move(mend);
  return finding;
}

/// What the map of its store takes, and of the one that a rebuild makes beside it. (Overcommit is no
/// matter: maps that are shared and only read do not count there.)
std::uint64_t address_space_wanted(const Resident& resident) {
  const std::uint64_t maps =
      resident.is_sidecar ? limits::kLogMapBytes : 2 * limits::kStoreMapBytes;
  return maps + kBesideMapsBytes;
}

/// All but whether it is listed.
Finding check_secret_file(const Resident& resident, const SecretFile& secret) {
  Finding found = finding("keys", resident);
  if (!secret.regular)
    return with(found, Severity::kWrong, secret.path + " is no file",
                "move it away, and put the secret in its place");
  if (!secret.owner_alone)
    return with(found, Severity::kWrong, secret.path + " can be read by others",
                "chmod 600 it, and if it ever was on a host with others, make a new key "
                "(docs/security.md)");
  if (!secret.of_folders_owner)
    return with(found, Severity::kWrong,
                secret.path + " does not belong to '" + resident.owner +
                    "', who has the folder and runs the process",
                "chown " + resident.owner + " " + secret.path);
  if (!secret.fault.empty())
    return with(found, Severity::kWarning, secret.fault,
                "run this as '" + resident.owner + "' or root");
  if (secret.public_key.empty())
    return with(found, Severity::kWrong, secret.path + " holds no secret key",
                "put it back from where it was copied, or move it away and make one with `forebay "
                "keys generate " +
                    resident.name + "`");
  return found;
}

bool is_listed(const SecretFile& secret, const Identity& listed) {
  return std::find(listed.keys.begin(), listed.keys.end(), secret.public_key) != listed.keys.end();
}

Finding check_secret(const Resident& resident, const Identity& listed) {
  const SecretFile& secret = resident.secret;
  if (!secret.there)
    return with(finding("keys", resident), Severity::kWrong,
                "the topology lists its public key, and there is no " + secret.path,
                "put the secret there, or make one with `forebay keys generate " + resident.name +
                    "` and list that");
  Finding found = check_secret_file(resident, secret);
  if (found.severity != Severity::kOk || is_listed(secret, listed)) return found;
  return with(found, Severity::kWrong,
              "the public key of " + secret.path + " is \"" + secret.public_key +
                  "\", which the topology does not list: nobody would know it",
              "put it under [keys] as '" + resident.name + "', on every host, and reload");
}

/// One that is listed waits for `keys promote`; one that is not may have been forgotten.
Finding check_next_secret(const Resident& resident, const Identity& listed) {
  const SecretFile& next = resident.next_secret;
  Finding found = check_secret_file(resident, next);
  if (found.severity != Severity::kOk || is_listed(next, listed)) return found;
  return with(found, Severity::kWarning,
              next.path + " is to follow, and the topology does not list its public key \"" +
                  next.public_key + "\"",
              "put that second under [keys], on every host, or remove the file if no change of "
              "keys is under way (docs/security.md)");
}

}  // namespace

std::string how_to(const std::string& start, const std::string& name, const std::string& program) {
  if (program.empty()) return start + " it: '" + name + "' is a program of your own";
  return "`systemctl " + start + " " + program + "@" + name + "`, or `forebay up` where that " +
         "runs it";
}

Finding check_clock(bool synchronised) {
  Finding found{"clock", "this host"};
  if (synchronised) return found;
  return with(found, Severity::kWarning, "the system does not call its clock synchronised",
              "run systemd-timesyncd (`timedatectl set-ntp true`) or chrony: commit times, and "
              "retention by age, follow the clock");
}

Finding check_folder(const Resident& resident) {
  Finding found = finding("state folder", resident);
  if (!resident.folder_there)
    return with(found, Severity::kWarning, "there is no " + resident.folder,
                "it is made at the first start; if there was one, look whether its disk is "
                "mounted, and at state_dir of the topology");
  if (!resident.may_enter)
    return with(
        found, Severity::kWarning,
        "this user may not look into " + resident.folder + ", which is of '" + resident.owner + "'",
        "run this as '" + resident.owner + "' or root");
  if ((resident.mode & 077) != 0)
    return with(found, Severity::kWrong,
                "other users may enter " + resident.folder + ", and so its sockets",
                "chmod 700 " + resident.folder);
  return found;
}

Finding check_disk(const Resident& resident) {
  Finding found = finding("disk", resident);
  if (resident.remote)
    return with(found, Severity::kWrong,
                resident.folder + " is on a remote file system, whose locks cannot be relied on",
                "set state_dir to a local disk");
  const std::string left =
      short_size(resident.free_bytes) + " of " + short_size(resident.disk_bytes) + " are left";
  const std::string mend =
      "make room on the disk of " + resident.folder + ", or let streams keep less (`retention`)";
  if (resident.free_bytes < kDiskBytesMin) return with(found, Severity::kWrong, left, mend);
  if (resident.free_bytes < resident.disk_bytes / 10)
    return with(found, Severity::kWarning, left, mend);
  return found;
}

Finding check_limits(const Resident& resident) {
  Finding found = finding("limits", resident);
  const std::string whose =
      resident.process ? "process " + std::to_string(*resident.process) : "what starts from here";
  if (resident.limits.address_space < address_space_wanted(resident))
    return with(found, Severity::kWrong,
                whose + " may map " + short_size(resident.limits.address_space) +
                    ", and its store wants " + short_size(address_space_wanted(resident)),
                "no limit of address space: `ulimit -v unlimited`, LimitAS=infinity in its unit");
  if (resident.is_sidecar && resident.limits.descriptors < kDescriptorsWanted)
    return with(found, Severity::kWarning,
                whose + " may have " + std::to_string(resident.limits.descriptors) +
                    " files and connections open, and a flood of connections ends it then",
                "a hard limit of " + std::to_string(kDescriptorsWanted) +
                    " or more: LimitNOFILE= in its unit, or limits.conf(5)");
  return found;
}

Finding check_feed(const Resident& resident, const Node& feed) {
  Finding found = finding("feed", resident);
  const bool cannot_tell = resident.folder_there && !resident.may_enter;
  if (resident.process || cannot_tell) return found;
  if (resident.source_there && !feed.follow) return found;  // it ended with its file
  found.alert = "silent_producer";
  if (!resident.source_there)
    return with(found, Severity::kWrong, "it does not run: there is no " + feed.source,
                "put the file there, or say in the topology where it is (source)");
  return with(found, Severity::kWrong,
              "it does not run, and what is written to " + feed.source + " waits there",
              how_to("start", resident.name, resident.program) + "; its log says why it ended");
}

Findings check_keys(const Resident& resident, const Identity& listed) {
  if (resident.folder_there && !resident.may_enter) return {};  // check_folder says so
  Findings all{check_secret(resident, listed)};
  if (!resident.next_secret.there) return all;
  if (Finding next = check_next_secret(resident, listed); next.severity != Severity::kOk)
    all.push_back(std::move(next));
  return all;
}

}  // namespace forebay
