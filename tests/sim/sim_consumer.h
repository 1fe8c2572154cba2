// A consuming process of a simulation: the production subscription, and a store that is a list of
// what was applied. A commit takes a while; a crash goes back to the last one.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/client/subscription.h"
#include "tests/sim/network.h"
#include "tests/sim/oracle.h"

namespace forebay::sim {

class SimConsumer {
 public:
  /// All outlive it.
  SimConsumer(std::string name, SubscriptionStart start, const Clock& clock, Random& random,
              const Oracle& oracle, Connection& connection);

  /// `oldest`: the oldest sequence that the log holds.
  void step(Sequence oldest);
  void crash();

  [[nodiscard]] Connection& connection() { return connection_; }
  [[nodiscard]] const Subscription& subscription() const { return *subscription_; }
  /// Live, and everything up to the head is committed.
  [[nodiscard]] bool done() const;
  [[nodiscard]] std::uint64_t lost() const { return committed_.lost; }
  /// What was applied and what was lost is everything since the start.
  void check() const;
  [[nodiscard]] std::string describe() const;

 private:
  struct State {
    std::optional<Cursor> cursor;
    Sequence start;
    std::uint64_t applied = 0;
    std::uint64_t lost = 0;
  };
  void restart();
  void take(const Subscription::Started& started);
  void take(const Subscription::Events& events);
  void take(const Subscription::Missing& missing);
  void take(const Subscription::Divergence& divergence);

  std::string name_;
  SubscriptionStart start_;
  const Clock& clock_;
  Random& random_;
  const Oracle& oracle_;
  Connection& connection_;
  std::unique_ptr<Subscription> subscription_;
  State committed_;
  State working_;  // the transaction that is open
  bool dirty_ = false;
  MonoTime commit_due_{};
  MonoTime report_due_{};
  std::uint64_t next_id_ = 1;
  Sequence oldest_;
};

}  // namespace forebay::sim
