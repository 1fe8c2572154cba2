// The sidecar of a simulation: its production parts on one simulated thread, wired as sidecar.cc
// wires them on four. Only waiting is simulated: a commit takes a while and may be cut short by a
// crash, before or after it is on disk; outcomes, broadcasts and fetches reach the next part late.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/broadcast.h"
#include "sidecar/commit.h"
#include "sidecar/commit_queue.h"
#include "sidecar/consumers.h"
#include "sidecar/ingest.h"
#include "sidecar/retention.h"
#include "tests/sim/network.h"
#include "tests/sim/oracle.h"

namespace forebay::sim {

inline constexpr const char* kStream = "things";

class SimSidecar {
 public:
  /// All outlive it.
  SimSidecar(std::string dir, RetentionPolicy retention, const Clock& clock, Random& random,
             Oracle& oracle, std::vector<std::unique_ptr<Connection>>& connections);
  ~SimSidecar();

  [[nodiscard]] bool running() const { return run_ != nullptr; }
  void start();
  /// What was being committed may or may not be on disk; everything else in memory is gone.
  void crash();
  void step();
  /// Whether there is no room.
  void set_full(bool full) { full_ = full; }
  void stop_trimming();
  [[nodiscard]] const Log& log() const;

 private:
  struct Run;
  std::string dir_;
  RetentionPolicy retention_;
  const Clock& clock_;
  Random& random_;
  Oracle& oracle_;
  std::vector<std::unique_ptr<Connection>>& connections_;
  std::unique_ptr<Run> run_;
  bool full_ = false;
};

}  // namespace forebay::sim
