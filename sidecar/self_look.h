// What a sidecar's own report says: its metrics, and what of it is worth an alert by the topology's
// thresholds. docs/operations.md names both.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/watch/watch.h"
#include "sidecar/log/log.h"
#include "topology/topology.h"

namespace forebay {

/// For one thread. It remembers what it saw, since some things are only seen over time.
class SelfLook {
 public:
  /// A count that alerts when it grows; one that is there from the start has grown, too.
  struct Grown {
    std::uint64_t count = 0;
    MonoTime at{};
  };
  struct Standing {
    std::uint64_t cursor = 0;
    MonoTime since{};
  };
  using Of = std::pair<std::string, std::string>;  // stream and consumer
  /// Of what was there the last time; who is gone is forgotten. Goes over a reload.
  struct Memory {
    std::map<Of, Grown> lost;
    std::map<Of, Standing> standing;
  };

  /// All outlive it.
  SelfLook(const Log& log, const Clock& clock, const Alerts& thresholds, Memory& memory);

  /// `report` as status.h has it.
  [[nodiscard]] Findings look(const Json& report);

 private:
  void look_at_sidecar(const Json& report);
  void look_at_stream(const Json& stream);
  void look_at_consumer(const Json& consumer);
  void look_at_producer(const Json& producer);
  void tell_of_producers();
  void look_at_refusals(const Json& report);
  void raise(const std::string& alert, const std::string& subject, const std::string& text);
  [[nodiscard]] bool grows(const Of& of, std::uint64_t count);
  [[nodiscard]] Nanoseconds age(const std::string& stream, Sequence next) const;
  [[nodiscard]] std::string line(const Json& report);

  const Log& log_;
  const Clock& clock_;
  const Alerts& thresholds_;
  Memory& memory_;
  Memory last_;  // what it was before this look
  std::map<std::string, StreamIndex> streams_;
  std::deque<std::pair<MonoTime, std::map<std::string, std::uint64_t>>> refused_;  // over a minute
  std::map<Of, Nanoseconds> silent_;  // producers, by stream and name
  std::uint64_t events_ = 0;          // as of the last look
  MonoTime looked_{};
  Findings findings_;
  MonoTime began_, now_{};
  std::uint64_t lag_max_ = 0;
};

}  // namespace forebay
