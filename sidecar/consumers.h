// The consumers that registered with this sidecar, and how far each says it has applied. Called by
// the ingest thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "sidecar/work.h"

namespace forebay {

class Consumers {
 public:
  /// `clock` outlives it. `stored`: as found in the log.
  Consumers(const Clock& clock, std::vector<std::string> streams,
            const std::vector<std::pair<ConsumerKey, ConsumerRecord>>& stored);

  void on_subscribe(const Peer& peer, const Subscribe& request);
  /// A report of a consumer that is not registered is dropped; it registers again when it
  /// reconnects.
  void on_cursor(const CursorReport& report);
  void on_outcome(const CommitOutcome& outcome);

  [[nodiscard]] std::vector<Work> take_work() { return std::exchange(work_, {}); }
  [[nodiscard]] std::vector<Outgoing> take_outgoing() { return std::exchange(outgoing_, {}); }

  struct Consumer {
    ConsumerRecord record;
    std::string state;  // as it last reported; empty: not since this sidecar started
    MonoTime heard{};
  };
  [[nodiscard]] const std::map<ConsumerKey, Consumer>& all() const { return consumers_; }

 private:
  const Clock& clock_;
  std::vector<std::string> streams_;
  std::map<ConsumerKey, Consumer> consumers_;
  std::vector<Work> work_;
  std::vector<Outgoing> outgoing_;
};

}  // namespace forebay
