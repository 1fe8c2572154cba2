#include "sidecar/broadcast.h"

#include <algorithm>

#include "common/base/limits.h"
#include "common/base/planted.h"

namespace forebay {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

/// How long after its last batch a stream counts as moving.
constexpr std::chrono::seconds kMovedLately{2};
/// Between what a beacon promises and when the next is sent.
constexpr milliseconds kSlack = limits::kBeaconPromise - limits::kBeaconInterval;

}  // namespace

BeaconSchedule::BeaconSchedule(const BootId& boot, std::vector<StreamRecord> streams, MonoTime now)
    : boot_(boot) {
  for (const StreamRecord& record : streams) {
    Stream stream;
    stream.incarnation = record.incarnation;
    stream.head = record.head();
    stream.oldest = record.oldest;
    stream.commit_time = record.last_commit_time;
    stream.head_checksum = record.last_checksum;
    stream.due = now;
    streams_.push_back(stream);
  }
}

void BeaconSchedule::on_broadcast(const CommittedBatch& batch, MonoTime now) {
  Stream& stream = streams_[batch.stream.value];
  stream.head = batch.header.last();
  if (stream.oldest > stream.head) stream.oldest = batch.header.first();
  stream.commit_time = batch.header.place.commit_time;
  stream.head_checksum = batch.header.checksum;
  stream.moved = now;
  stream.has_moved = true;
  stream.due = std::min(stream.due, now + limits::kBeaconInterval);
}

MonoTime BeaconSchedule::next_due() const {
  MonoTime next = MonoTime::max();
  for (const Stream& stream : streams_) next = std::min(next, stream.due);
  return next;
}

std::vector<std::pair<StreamIndex, Beacon>> BeaconSchedule::take_due(MonoTime now) {
  std::vector<std::pair<StreamIndex, Beacon>> due;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    Stream& stream = streams_[i];
    if (stream.due > now) continue;
    const bool moving = stream.has_moved && now - stream.moved < kMovedLately;
    const milliseconds interval = moving ? limits::kBeaconInterval : limits::kBeaconIdleInterval;
    if (!planted::has(planted::Bug::kNoBeacon))
      due.emplace_back(StreamIndex{i}, beacon(i, now, interval));
    stream.due = now + interval;
    // From the second round on the streams' beacons are spread over the interval.
    if (first_round_)
      stream.due -= interval * static_cast<int>(i) / static_cast<int>(streams_.size());
  }
  first_round_ = false;
  return due;
}

Beacon BeaconSchedule::beacon(std::size_t index, MonoTime now, milliseconds interval) const {
  const Stream& stream = streams_[index];
  Beacon beacon;
  beacon.incarnation = stream.incarnation;
  beacon.boot = boot_;
  beacon.head = stream.head;
  beacon.oldest = stream.oldest;
  beacon.commit_time = stream.commit_time;
  beacon.head_checksum = stream.head_checksum;
  beacon.next_due = interval + kSlack;
  if (planted::has(planted::Bug::kBeaconAheadOfBroadcast)) {
    beacon.head = beacon.head + 1;
    beacon.head_checksum = 0;
  }
  if (index < liveness_.size()) {
    for (const auto& [id, heard] : liveness_[index]) {
      beacon.producers.push_back({id, duration_cast<milliseconds>(now - heard)});
    }
    std::sort(beacon.producers.begin(), beacon.producers.end(),
              [](const auto& a, const auto& b) { return a.silent > b.silent; });
    if (beacon.producers.size() > limits::kBeaconProducersMax) {
      beacon.producers.resize(limits::kBeaconProducersMax);
    }
  }
  return beacon;
}

}  // namespace forebay
