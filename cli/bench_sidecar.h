// A sidecar to measure with: in a scratch folder of its own, with a topology of its own, so that no
// stream or view of the user's is touched. Both are gone with the object.
//
// Signals: SIGINT and SIGTERM are blocked in the caller (StopSignals), so that one that comes
// before or after its life ends nothing half-way; while it lives, check() takes them. For the main
// thread of a process that has no other yet (supervisor.h); threads may come after.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/supervisor.h"
#include "common/base/result.h"
#include "topology/endpoints.h"

namespace forebay {

class BenchSidecar {
 public:
  /// Makes a folder of its own in `folder` and starts forebay-sidecar there, which then begins to
  /// serve `streams`. kBadInput where the path would be too long for sockets; kIo.
  [[nodiscard]] static Result<std::unique_ptr<BenchSidecar>> start(
      const std::string& folder, const std::vector<std::string>& streams);
  /// Kills the sidecar and removes the folder.
  ~BenchSidecar();
  BenchSidecar(const BenchSidecar&) = delete;
  BenchSidecar& operator=(const BenchSidecar&) = delete;

  /// Waits up to `wait` for something to happen. kUnavailable once a stop signal came, or the
  /// sidecar has ended.
  [[nodiscard]] Result<void> check(std::chrono::milliseconds wait = {});

  [[nodiscard]] const ClientEndpoints& endpoints() const { return endpoints_; }
  /// The path of something else to be kept in the folder.
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }

 private:
  explicit BenchSidecar(std::string folder) : folder_(std::move(folder)) {}
  [[nodiscard]] Result<void> start_in_folder(const std::vector<std::string>& streams);

  std::string folder_;
  ClientEndpoints endpoints_;
  SystemClock clock_;
  std::unique_ptr<Supervisor> supervisor_;
  pid_t pid_ = 0;
  std::string last_notice_;
};

}  // namespace forebay
