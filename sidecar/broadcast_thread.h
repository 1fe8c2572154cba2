// The broadcast thread: sends every committed batch as it came in, and the beacons in between.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/mailbox.h"
#include "sidecar/broadcast.h"
#include "sidecar/doors.h"
#include "sidecar/failure.h"
#include "sidecar/log/log.h"
#include "sidecar/work.h"

namespace forebay {

/// What it is told of a commit.
struct BroadcastNews {
  std::vector<CommittedBatch> batches;
  std::vector<TrimmedStream> trimmed;
};

class BroadcastThread {
 public:
  /// All outlive it.
  BroadcastThread(const Log& log, const Clock& clock, BroadcastDoors& doors, Failure& failure)
      : log_(log), clock_(clock), doors_(doors), failure_(failure) {
    for (std::size_t i = 0; i < log.stream_count(); ++i)
      topics_.push_back(broadcast_topic(log.stream_name({i})));
  }

  /// Until stop(), and then once more through everything that was told before.
  void run();

  // From any thread.
  void tell(BroadcastNews news) { news_.post(std::move(news)); }
  void tell(Liveness liveness) { liveness_.post(std::move(liveness)); }
  void stop() { stopping_ = true; }

 private:
  [[nodiscard]] Result<BeaconSchedule> first_schedule() const;
  void send_news(BeaconSchedule& schedule);

  const Log& log_;
  const Clock& clock_;
  BroadcastDoors& doors_;
  Failure& failure_;
  std::vector<std::string> topics_;  // by stream
  Mailbox<BroadcastNews> news_;
  Mailbox<Liveness> liveness_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace forebay
