// One simulated run: a sidecar, publishers and consumers, some seconds of faults, then a healed
// network in which everything has to come right within 30 s.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/sim_consumer.h"
#include "tests/sim/sim_publisher.h"
#include "tests/sim/sim_sidecar.h"
#include "tests/support/manual_clock.h"

namespace forebay::sim {

class World {
 public:
  /// What happened, to tell a run that tested something from one that did not.
  struct Tally {
    std::uint64_t events = 0;
    std::uint64_t lost = 0;
    std::uint64_t healed_ms = 0;  // until everything had come right
    std::map<std::string, std::uint64_t> faults;
  };

  World(std::uint64_t seed, std::string dir);
  /// Throws Failure.
  Tally run();

 private:
  Connection& connect();
  void start_publisher(SimPublisher::Options options);
  void step(bool faulty);
  void restart_failed();
  void maybe_fault();
  void fault_publisher();
  void heal();
  [[nodiscard]] bool converged() const;
  void check_publishers() const;
  [[nodiscard]] std::string describe() const;
  void count(const std::string& fault);

  Random random_;
  ManualClock clock_;
  Oracle oracle_;
  std::vector<std::unique_ptr<Connection>> connections_;
  SimSidecar sidecar_;
  std::vector<std::unique_ptr<SimPublisher>> publishers_;
  std::vector<std::unique_ptr<SimConsumer>> consumers_;
  std::uint64_t processes_ = 0;
  std::map<std::string, int> named_processes_;  // ever started
  std::uint64_t source_ = 0;                    // events that the feed's source has
  bool full_ = false;
  MonoTime sidecar_up_{};
  Tally tally_;
};

}  // namespace forebay::sim
