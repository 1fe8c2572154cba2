// What a stream's broadcast says beside its batches: the beacon, and when the next is due. Knows no
// sockets; one thread calls it, and time is a parameter.
#pragma once

#include <vector>

#include "common/base/clock.h"
#include "common/wire/beacon.h"
#include "sidecar/work.h"

namespace forebay {

using Liveness =
    std::vector<std::vector<std::pair<ProducerId, MonoTime>>>;  // by stream: when heard last

class BeaconSchedule {
 public:
  /// All beacons are due at once at the start (they then carry the committed heads), and staggered
  /// from there on.
  BeaconSchedule(const BootId& boot, std::vector<StreamRecord> streams, MonoTime now);

  /// A batch went out.
  void on_broadcast(const CommittedBatch& batch, MonoTime now);
  /// What is held changed by trimming.
  void on_trimmed(StreamIndex stream, Sequence oldest) { streams_[stream.value].oldest = oldest; }
  void on_liveness(Liveness liveness) { liveness_ = std::move(liveness); }

  /// When the next beacon is due.
  [[nodiscard]] MonoTime next_due() const;
  /// The streams whose beacons are due, each with its beacon; they are taken as sent.
  [[nodiscard]] std::vector<std::pair<StreamIndex, Beacon>> take_due(MonoTime now);

 private:
  struct Stream {
    Incarnation incarnation;
    Sequence head;
    Sequence oldest;
    WallTime commit_time;
    std::uint64_t head_checksum;
    MonoTime moved{};
    bool has_moved = false;
    MonoTime due;
  };
  [[nodiscard]] Beacon beacon(std::size_t index, MonoTime now,
                              std::chrono::milliseconds interval) const;

  BootId boot_;
  std::vector<Stream> streams_;
  Liveness liveness_;
  bool first_round_ = true;
};

}  // namespace forebay
