#include "cli/bench_sidecar.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/children.h"
#include "cli/verb.h"
#include "topology/load.h"

namespace forebay {
namespace {

constexpr const char* kName = "bench";

/// Short, since the path of a socket is; and no name of a topology, whose folders may lie beside
/// it.
constexpr const char* kFolderPattern = "/.bench-XXXXXX";

std::string topology_text(const std::vector<std::string>& streams) {
  std::string text = "[topology]\nname = \"bench\"\nstate_dir = \".\"\n[hosts.here]\n[sidecars." +
                     std::string(kName) + "]\nhost = \"here\"\nstreams = { ";
  for (std::size_t i = 0; i < streams.size(); ++i) {
    text += (i > 0 ? ", " : "") + streams[i] + " = {}";
  }
  return text + " }\n";
}

}  // namespace

Result<std::unique_ptr<BenchSidecar>> BenchSidecar::start(const std::string& folder,
                                                          const std::vector<std::string>& streams) {
  std::string scratch = folder + kFolderPattern;
  if (::mkdtemp(scratch.data()) == nullptr) {
    return fail_errno("cannot make a folder in " + folder + " (--dir names another)", errno);
  }
  std::unique_ptr<BenchSidecar> sidecar(new BenchSidecar(scratch));
  if (auto started = sidecar->start_in_folder(streams); !started) return fail(started.error());
  return sidecar;
}

Result<void> BenchSidecar::start_in_folder(const std::vector<std::string>& streams) {
  const std::string file = path("topology.toml");
  std::ofstream out(file);
  if (!(out << topology_text(streams) << std::flush)) {
    return fail(ErrorCode::kIo, "cannot write " + file);
  }
  const auto topology = load_topology(file);
  if (!topology) {
    // Its folder is all that can be wrong with it.
    return fail(ErrorCode::kBadInput, "the path of " + folder_ +
                                          " is too long for the sockets of a sidecar in it; name "
                                          "another folder with --dir");
  }
  const auto endpoints =
      endpoints_for(*topology, topology->hosts.front().name, topology->sidecars.front());
  if (!endpoints) return fail(endpoints.error());
  endpoints_ = *endpoints;
  const auto programs = program_folder();
  if (!programs) return fail(programs.error());
  auto children = children_of(*topology, {file, *programs, "", {}});
  if (!children) return fail(children.error());
  if (auto checked = check_programs(*children); !checked) return checked;
  ::setenv("FOREBAY_LOG", "warn", 0);  // that it starts and stops is of no interest here
  supervisor_ = std::make_unique<Supervisor>(
      std::move(*children), clock_, [this](const std::string& text) { last_notice_ = text; });
  const bool running = supervisor_->step(std::chrono::milliseconds(0));
  pid_ = supervisor_->pid_of(kName);
  return running ? Result<void>() : check();
}

Result<void> BenchSidecar::check(std::chrono::milliseconds wait) {
  const bool running = supervisor_->step(wait);
  if (supervisor_->stopping()) return fail(ErrorCode::kUnavailable, "stopped by a signal");
  if (!running || pid_ == 0 || supervisor_->pid_of(kName) != pid_) {
    // What the supervisor says of its next try, after the semicolon, will not be.
    return fail(ErrorCode::kUnavailable,
                "the sidecar to measure with: " + last_notice_.substr(0, last_notice_.find("; ")));
  }
  return {};
}

BenchSidecar::~BenchSidecar() {
  if (supervisor_) {
    // Nothing of it is wanted any more. Signals stay blocked until the folder has gone.
    supervisor_->kill();
    while (supervisor_->step(std::chrono::milliseconds(100))) {
    }
  }
  std::error_code error;
  std::filesystem::remove_all(folder_, error);
  if (error) notice("cannot remove " + folder_ + ": " + error.message());
}

}  // namespace forebay
