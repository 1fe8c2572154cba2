// forebay-generator: run by systemd at boot and at each daemon-reload, before there is anything to
// log to; see systemd.generator(7). Reads the topology and writes what host_units.h says.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "common/base/printable.h"
#include "systemd/host_units.h"
#include "topology/load.h"

namespace {

using namespace forebay;
namespace fs = std::filesystem;

constexpr const char* kTopologyFile = "/etc/forebay/topology.toml";
constexpr const char* kUsage =
    "usage: forebay-generator FOLDER (systemd runs it: systemd.generator(7))\n";
constexpr const char* kAbout =
    "Writes the units of what /etc/forebay/topology.toml has on this host into FOLDER, wired "
    "into\nforebay.target. docs/operations.md (\"Under systemd\") says more.\n";
constexpr const char* kHostFile = "/etc/forebay/host";
constexpr std::size_t kLinesSaidMax = 10;   // of a topology with ever so many problems
constexpr std::size_t kLineBytesMax = 900;  // the kernel's log takes about 1,000 in one write

/// To the kernel's log where systemd runs us, else (and where there is none) to stderr.
void say(const std::string& text) {
  const int log = std::getenv("SYSTEMD_SCOPE") == nullptr
                      ? -1
                      : ::open("/dev/kmsg", O_WRONLY | O_NOCTTY | O_CLOEXEC);
  std::istringstream lines(text);
  std::string line;
  for (std::size_t said = 0; std::getline(lines, line); ++said) {
    if (said == kLinesSaidMax) line = "… `forebay topology check` tells the rest";
    line = "forebay-generator[" + std::to_string(::getpid()) +
           "]: " + printable(line.substr(0, kLineBytesMax)) + "\n";
    const std::string record = "<3>" + line;
    if (log < 0 || ::write(log, record.data(), record.size()) < 0) std::cerr << line;
    if (said == kLinesSaidMax) break;
  }
  if (log >= 0) ::close(log);
}

/// The first word of the file; nullopt if there is no file.
std::optional<std::string> word_of(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::array<char, 128> text{};  // a name has at most 64
  file.read(text.data(), text.size());
  std::istringstream words(std::string(text.data(), static_cast<std::size_t>(file.gcount())));
  std::string word;
  words >> word;
  return word;
}

std::string machine_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

Result<void> write_file(const fs::path& folder, const UnitFile& file) {
  const fs::path path = folder / file.path;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (!error && file.link) fs::create_symlink(file.text, path, error);
  if (!error && !file.link && !(std::ofstream(path) << file.text).flush())
    error = std::make_error_code(std::errc::io_error);
  if (error) return fail(ErrorCode::kIo, "cannot write " + path.string() + ": " + error.message());
  return {};
}

Result<void> generate(const fs::path& folder) {
  const auto topology = load_topology(kTopologyFile);
  if (!topology) return fail(topology.error());
  const auto host = this_host(*topology, word_of(kHostFile), kHostFile, machine_name());
  if (!host) return fail(host.error());
  for (const UnitFile& file : units_of_host(*topology, *host, kTopologyFile)) {
    if (auto written = write_file(folder, file); !written) return written;
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << kUsage;
    return 2;
  }
  if (const std::string_view word = argv[1]; word == "--help" || word == "-h") {
    std::cout << kUsage << kAbout;
    return 0;
  }
  std::error_code error;
  if (!fs::exists(kTopologyFile, error)) return 0;  // installed, and not yet configured
  const auto generated = generate(argv[1]);
  if (generated) return 0;
  say(generated.error().message +
      "\nno unit of Forebay is wired into forebay.target; mend that, then `systemctl "
      "daemon-reload`");
  return 1;  // systemd says so in its log, and goes on
}
