#include "cli/machine.h"

#include <sched.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace forebay {
namespace {

std::string text_of_file(const char* path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::string processor_name() {
  std::istringstream lines(text_of_file("/proc/cpuinfo"));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return {};
}

/// A mount point as it is, of one with octal escapes: "\040" is a space.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

bool lies_in(std::string_view path, std::string_view point) {
  if (point == "/") return true;
  return path.starts_with(point) && (path.size() == point.size() || path[point.size()] == '/');
}

}  // namespace

Machine this_machine() {
  Machine machine;
  cpu_set_t cores;
  if (::sched_getaffinity(0, sizeof cores, &cores) == 0) {
    machine.cores = static_cast<unsigned>(CPU_COUNT(&cores));
  }
  machine.processor = processor_name();
  utsname system{};
  if (::uname(&system) == 0) {
    machine.kernel = std::string(system.sysname) + " " + system.release;
  }
  return machine;
}

// id parent major:minor root POINT options [tag …] - TYPE DEVICE options: proc(5)
std::optional<Mount> mount_of(std::string_view mountinfo, std::string_view path) {
  std::optional<Mount> found;
  std::size_t longest = 0;
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream place(line.substr(0, dash)), what(line.substr(dash + 3));
    std::string skipped, point;
    Mount mount;
    place >> skipped >> skipped >> skipped >> skipped >> point;
    what >> mount.file_system >> mount.device;
    point = unescaped(point);
    // Of two over one another, the later one is seen.
    if (!lies_in(path, point) || point.size() < longest) continue;
    longest = point.size();
    found = mount;
  }
  return found;
}

Result<Disk> disk_of(const std::string& folder) {
  struct statvfs status {};
  if (::statvfs(folder.c_str(), &status) != 0) return fail_errno("cannot look at " + folder, errno);
  Disk disk;
  disk.bytes = std::uint64_t{status.f_blocks} * status.f_frsize;
  disk.free_bytes = std::uint64_t{status.f_bavail} * status.f_frsize;
  std::error_code error;
  const auto path = std::filesystem::canonical(folder, error);
  if (!error) {
    disk.mount = mount_of(text_of_file("/proc/self/mountinfo"), path.string()).value_or(Mount{});
  }
  return disk;
}

}  // namespace forebay
