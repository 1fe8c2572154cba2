// The consumers that registered with this sidecar, and how far each says it has applied. Called by
// the ingest thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "sidecar/holds.h"
#include "sidecar/work.h"

namespace forebay {

class Consumers {
 public:
  struct Followed {
    std::string stream;
    StreamRecord record;  // as the log was opened: what it was made of does not change
  };

  /// `clock` and `holds` outlive it. `stored`: as found in the log.
  Consumers(const Clock& clock, Holds& holds, std::vector<Followed> streams,
            const std::vector<std::pair<ConsumerKey, ConsumerRecord>>& stored);

  /// Refused while another registration of the same consumer is under way: each is work for a commit.
  void on_subscribe(const Peer& peer, const Subscribe& request);
  /// One that is not registered (any more) is told that it is forgotten, and registers again. False,
  /// taking nothing, if the report names a state that is none.
  [[nodiscard]] bool on_cursor(const Peer& peer, const CursorReport& report);
  /// Refused while the consumer is there: it would lose what it reads meanwhile.
  void on_forget(const Peer& peer, const Forget& request);
  void on_outcome(const CommitOutcome& outcome);

  [[nodiscard]] std::vector<Work> take_work() { return std::exchange(work_, {}); }
  [[nodiscard]] std::vector<Outgoing> take_outgoing() { return std::exchange(outgoing_, {}); }

  struct Consumer {
    ConsumerRecord record;
    Sequence read;          // of this log: less than its cursor, if that is another log's
    bool diverged = false;  // that is so
    bool vouched = false;  // as it registered, and it stands there since: this log has what it read
    std::string state;     // as it last reported; empty: not since this sidecar started
    MonoTime heard{};
    bool forgetting = false;  // its reports hold nothing any more
  };
  [[nodiscard]] const std::map<ConsumerKey, Consumer>& all() const { return consumers_; }

 private:
  [[nodiscard]] std::optional<StreamIndex> index_of(const std::string& stream) const;
  void set_read(const ConsumerKey& key, Consumer& consumer) const;

  const Clock& clock_;
  Holds& holds_;
  std::vector<Followed> streams_;
  std::map<ConsumerKey, Consumer> consumers_;
  std::set<ConsumerKey> registering_;
  std::vector<Work> work_;
  std::vector<Outgoing> outgoing_;
};

}  // namespace forebay
