#include "cli/bundle_parts.h"

#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/command_output.h"
#include "cli/host_facts.h"
#include "cli/machine.h"
#include "cli/status_report.h"
#include "cli/table.h"
#include "common/base/clock.h"
#include "common/store/lmdb_version.h"
#include "common/wire/zmq_version.h"

namespace forebay {
namespace {

constexpr const char* kJournalLinesMax = "5000";  // of a process
constexpr std::size_t kJournalBytesMax = 2 * 1024 * 1024;
constexpr std::chrono::seconds kJournalTimeout{20};
constexpr const char* kWhereLogsAre =
    "The journal is read by root and by who is in group systemd-journal, adm or wheel: under "
    "systemd make the\nbundle as one of these. What `forebay up` runs logs to that command's "
    "terminal: add that by hand.";
constexpr std::size_t kFilesListedMax = 20'000;  // of a state folder

std::string pretty(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

BundlePart heard(const std::string& folder, const std::string& name, const Result<Json>& said) {
  const Json json = said ? *said : Json{{"error", said.error().message}};
  return {folder + "/" + name + ".json", "what '" + name + "' says of itself", pretty(json)};
}

std::string versions(const std::string& version) {
  utsname system{};
  ::uname(&system);
  return "forebay " + version + "\n" + system.sysname + " " + system.release + " " +
         system.version + " " + system.machine + "\n" + zmq_library() + "\n" + lmdb_library() +
         "\n" + archive_library() + "\n\n" + text_of("/etc/os-release");
}

std::string limits_of_processes(const std::vector<Resident>& residents) {
  std::string text = "this command\n" + text_of("/proc/self/limits");
  for (const Resident& resident : residents) {
    if (!resident.process) continue;
    const std::string process = std::to_string(*resident.process);
    text += "\n" + resident.name + ", process " + process + "\n" +
            text_of("/proc/" + process + "/limits");
  }
  return text;
}

std::string disks(const std::vector<Resident>& residents) {
  std::vector<std::vector<std::string>> rows{{"FOLDER", "FILE SYSTEM", "DEVICE", "SIZE", "FREE"}};
  for (const Resident& resident : residents) {
    const auto disk = disk_of(resident.folder);
    if (!disk) {
      rows.push_back({resident.folder, disk.error().message});
      continue;
    }
    rows.push_back({resident.folder, disk->mount.file_system, disk->mount.device,
                    short_size(disk->bytes), short_size(disk->free_bytes)});
  }
  return aligned(rows);
}

std::string line_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "%06o %5u %5u %14lld  ", status.st_mode, status.st_uid,
                status.st_gid, static_cast<long long>(status.st_size));
  const WallTime changed(std::chrono::seconds(status.st_mtim.tv_sec));
  return text.data() + to_rfc3339(changed) + "  " + path.string() + "\n";
}

/// Modes, owners, sizes, times and names.
std::string files(const std::vector<Resident>& residents) {
  std::string text = "  MODE   UID   GID           SIZE  CHANGED               FILE\n";
  using Below = std::filesystem::recursive_directory_iterator;
  for (const Resident& resident : residents) {
    text += line_of(resident.folder);
    std::error_code error;
    std::size_t listed = 0;
    for (Below file(resident.folder, std::filesystem::directory_options::skip_permission_denied,
                    error),
         end;
         !error && file != end && listed < kFilesListedMax; file.increment(error), ++listed)
      text += line_of(file->path());
    if (listed == kFilesListedMax) text += "… and more in " + resident.folder + "\n";
  }
  return text;
}

std::string settings_of_memory() {
  std::vector<std::string> lines;
  std::error_code error;
  using Folder = std::filesystem::directory_iterator;
  for (Folder file("/proc/sys/vm", error), end; !error && file != end; file.increment(error)) {
    std::string value = text_of(file->path().string());
    if (value.empty()) continue;  // some can only be written
    if (value.back() == '\n') value.pop_back();
    lines.push_back("vm." + file->path().filename().string() + " = " + value + "\n");
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

/// It passes over what it may not read, and succeeds.
std::string nothing_of_it(const CommandOutput& journal) {
  return "the journal has none that this user may read" +
         (journal.said.empty() ? "" : " (journalctl: " + journal.said + ")");
}

}  // namespace

std::vector<BundlePart> parts_heard(const Examination& examination) {
  std::vector<BundlePart> parts;
  for (const auto& [name, report] : examination.sidecars)
    parts.push_back(heard("sidecars", name, report));
  for (const auto& [name, status] : examination.nodes)
    parts.push_back(heard("nodes", name, status));
  return parts;
}

std::vector<BundlePart> parts_of_journal(const std::vector<Resident>& residents,
                                         std::vector<std::string>& notes) {
  std::vector<BundlePart> parts;
  for (const Resident& resident : residents) {
    auto log = output_of({"journalctl", "-u", "forebay-*@" + resident.name + ".service", "-o",
                          "short-iso", "-n", kJournalLinesMax, "-q", "--no-pager"},
                         kJournalBytesMax, kJournalTimeout);
    if (log && !log->text.empty()) {
      parts.push_back({"logs/" + resident.name + ".txt",
                       std::string("its last ") + kJournalLinesMax + " lines in the journal",
                       std::move(log->text), BundlePart::Keep::kLast, log->cut});
      continue;
    }
    const std::string why = log ? nothing_of_it(*log) : log.error().message;
    notes.push_back("No log of '" + resident.name + "': " + why + (why.ends_with('.') ? "" : "."));
  }
  if (parts.size() < residents.size()) notes.emplace_back(kWhereLogsAre);
  return parts;
}

std::vector<BundlePart> parts_of_machine(const std::vector<Resident>& residents,
                                         const std::string& version) {
  return {{"versions.txt", "of Forebay, the system and libraries", versions(version)},
          {"limits.txt", "of the processes that run, and of this command",
           limits_of_processes(residents)},
          {"disks.txt", "that the state folders are on", disks(residents)},
          {"files.txt", "what the state folders hold, by name, size and mode", files(residents)},
          {"vm.txt", "settings of virtual memory", settings_of_memory()}};
}

}  // namespace forebay
