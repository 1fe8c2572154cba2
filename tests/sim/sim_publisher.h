// A publishing process of a simulation: the production window, and an application that publishes at
// random. Two kinds: one that counts its events (each new process of it publishes other events),
// and a feed, whose events come from a source with positions of its own, where a new process
// resumes.
#pragma once

#include <optional>
#include <string>

#include "common/client/publish_window.h"
#include "tests/sim/network.h"
#include "tests/sim/oracle.h"

namespace forebay::sim {

/// A feed's k-th event ends at this position of its source.
inline constexpr std::uint64_t kFeedStride = 10;

class SimPublisher {
 public:
  struct Options {
    std::string name;  // empty: anonymous
    bool feed = false;
    std::string who;  // in the subjects of its events
    std::size_t window_bytes = 0;
  };

  /// All outlive it.
  SimPublisher(Options options, const Clock& clock, Random& random, const Oracle& oracle,
               Connection& connection);

  /// `publishing`: the application has more to publish; a feed has `source` events by now.
  void step(bool publishing, std::uint64_t source);
  void say_goodbye();

  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] Connection& connection() { return connection_; }
  [[nodiscard]] const PublishWindow& window() const { return window_; }
  /// Everything taken is acknowledged; of a feed, everything there is.
  [[nodiscard]] bool done(std::uint64_t source) const;
  /// What was acknowledged to it is committed.
  void check() const;

 private:
  void publish_some(std::uint64_t source);
  [[nodiscard]] bool publish_one();

  Options options_;
  const Clock& clock_;
  Random& random_;
  const Oracle& oracle_;
  Connection& connection_;
  PublishWindow window_;
  std::uint64_t next_ = 0;       // the application's next event
  std::size_t event_bytes_ = 0;  // 0: small ones
  bool resumed_ = false;
};

}  // namespace forebay::sim
