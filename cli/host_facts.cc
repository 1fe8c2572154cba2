#include "cli/host_facts.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/machine.h"
#include "common/service/state_lock.h"
#include "common/wire/transport.h"
#include "topology/endpoints.h"
#include "topology/problem.h"

namespace forebay {
namespace {

std::string name_of(uid_t user) {
  const passwd* entry = ::getpwuid(user);
  return entry == nullptr ? std::to_string(user) : entry->pw_name;
}

/// The nearest folder above that is there: what a folder that is to be made will be on.
std::string nearest_folder(const std::string& folder) {
  std::error_code ignored;
  std::filesystem::path path = folder;
  while (!std::filesystem::is_directory(path, ignored) && path.has_relative_path())
    path = path.parent_path();
  return path.string();
}

void look_at_folder(Resident& resident) {
  struct stat status {};
  const bool seen = ::stat(resident.folder.c_str(), &status) == 0;
  const bool hidden = !seen && errno == EACCES;
  resident.folder_there = seen || hidden;
  const std::string there = nearest_folder(resident.folder);
  // Whose folder hides it has it, too.
  const bool owned = seen || (hidden && ::stat(there.c_str(), &status) == 0);
  resident.owner = name_of(owned ? status.st_uid : ::geteuid());
  if (seen) resident.mode = status.st_mode & 0777;
  resident.may_enter = ::access(resident.folder.c_str(), R_OK | X_OK) == 0;
  resident.remote = on_remote_file_system(there);
  if (const auto disk = disk_of(there)) {
    resident.free_bytes = disk->free_bytes;
    resident.disk_bytes = disk->bytes;
  }
  if (!seen) return;
  resident.secret = look_at_secret(secret_path(resident.folder), status.st_uid);
  resident.next_secret = look_at_secret(next_secret_path(resident.folder), status.st_uid);
}

void look_at_process(Resident& resident, const std::string& locks) {
  struct stat lock {};
  if (::stat((resident.folder + "/lock").c_str(), &lock) == 0)
    resident.process =
        lock_holder(locks, {gnu_dev_major(lock.st_dev), gnu_dev_minor(lock.st_dev), lock.st_ino});
  const std::string whose = resident.process ? std::to_string(*resident.process) : "self";
  resident.limits = hard_limits(text_of("/proc/" + whose + "/limits"));
}

}  // namespace

Result<std::vector<std::string>> hosts_here(const Topology& topology, const std::string& name,
                                            const std::vector<std::string>& addresses) {
  std::vector<std::string> here;
  std::vector<std::string_view> known;
  for (const Host& host : topology.hosts) {
    known.push_back(host.name);
    const bool ours =
        host.address.starts_with("127.") ||
        std::find(addresses.begin(), addresses.end(), host.address) != addresses.end();
    if (name.empty() ? ours : host.name == name) here.push_back(host.name);
  }
  if (!here.empty()) return here;
  if (!name.empty())
    return fail(ErrorCode::kBadInput,
                "--host: there is no host " + in_quotes(name) + "; " + mend_name(name, known, ""));
  if (known.size() == 1) return std::vector<std::string>{std::string(known.front())};
  return fail(ErrorCode::kBadInput,
              "no host of the topology has an address of this machine: say with --host which one "
              "it is (" +
                  mend_name("", known, "") + ")");
}

std::vector<std::string> own_addresses() {
  std::vector<std::string> all;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return all;
  for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
    sockaddr_in address{};
    std::memcpy(&address, each->ifa_addr, sizeof address);
    std::array<char, INET_ADDRSTRLEN> text{};
    if (::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size()) != nullptr)
      all.emplace_back(text.data());
  }
  ::freeifaddrs(first);
  return all;
}

std::vector<Resident> residents_of(const Topology& topology,
                                   const std::vector<std::string>& hosts) {
  const auto lives_here = [&](const std::string& host) {
    return std::find(hosts.begin(), hosts.end(), host) != hosts.end();
  };
  const std::string locks = text_of("/proc/locks");
  std::vector<Resident> all;
  const auto add = [&](Resident resident) {
    resident.folder = state_folder(topology, resident.name);
    look_at_folder(resident);
    look_at_process(resident, locks);
    all.push_back(std::move(resident));
  };
  for (const Sidecar& sidecar : topology.sidecars) {
    if (lives_here(sidecar.host)) add({sidecar.name, "forebay-sidecar", true});
  }
  for (const Node& node : topology.nodes) {
    if (!lives_here(node.host)) continue;
    const bool own = node.kind == NodeKind::kService;
    Resident resident{node.name, own ? "" : "forebay-" + std::string(to_string(node.kind)), false,
                      !node.subscribes.empty()};
    if (node.kind == NodeKind::kFeed)
      resident.source_there =
          node.source == "-" || ::access(node.source.c_str(), F_OK) == 0 || errno == EACCES;
    add(std::move(resident));
  }
  return all;
}

SecretFile look_at_secret(const std::string& path, uid_t folders_owner) {
  SecretFile secret;
  secret.path = path;
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return secret;
  secret.there = true;
  secret.regular = S_ISREG(status.st_mode);
  secret.owner_alone = (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
  secret.of_folders_owner = status.st_uid == folders_owner;
  if (!secret.regular) return secret;
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  std::array<char, 64> bytes{};
  const ssize_t got = descriptor < 0 ? -1 : ::read(descriptor, bytes.data(), bytes.size());
  if (got < 0) secret.fault = "cannot read " + path + ": " + std::strerror(errno);
  if (descriptor >= 0) ::close(descriptor);
  if (got < 0) return secret;
  std::string text(bytes.data(), static_cast<std::size_t>(got));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (const auto keys = key_pair_of(text)) secret.public_key = keys->public_key;
  return secret;
}

// 3: FLOCK  ADVISORY  WRITE 7996 fe:00:2588752 0 EOF: proc_locks(5); one that waits has "->" second
std::optional<pid_t> lock_holder(std::string_view locks, const FileId& file) {
  char id[64];
  std::snprintf(id, sizeof id, "%02x:%02x:%llu", file.major, file.minor,
                static_cast<unsigned long long>(file.inode));
  std::istringstream lines{std::string(locks)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string number, kind, advisory, access, locked;
    pid_t process = 0;
    if (words >> number >> kind >> advisory >> access >> process >> locked && kind == "FLOCK" &&
        locked == id && process > 0) {
      return process;
    }
  }
  return std::nullopt;
}

// Max open files            1024                 524288               files
ProcessLimits hard_limits(std::string_view text) {
  ProcessLimits limits;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const auto hard = [&](std::string_view name) {
      std::string soft, figure;
      std::uint64_t value = ProcessLimits::kUnlimited;
      std::istringstream(line.substr(name.size())) >> soft >> figure;
      // "unlimited" is no number, and leaves it.
      std::from_chars(figure.data(), figure.data() + figure.size(), value);
      return value;
    };
    constexpr std::string_view kFiles = "Max open files ", kSpace = "Max address space ";
    if (line.starts_with(kFiles)) limits.descriptors = hard(kFiles);
    if (line.starts_with(kSpace)) limits.address_space = hard(kSpace);
  }
  return limits;
}

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace forebay
