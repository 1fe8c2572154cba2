#include "sidecar/broadcast_thread.h"

#include <algorithm>

#include "common/base/limits.h"
#include "common/wire/transport.h"

namespace forebay {

using std::chrono::milliseconds;

Result<BeaconSchedule> BroadcastThread::first_schedule() const {
  const Log::Snapshot snapshot = log_.snapshot();
  std::vector<StreamRecord> streams;
  for (std::size_t i = 0; i < log_.stream_count(); ++i) {
    auto stream = snapshot.stream({i});
    if (!stream) return fail(stream.error());
    streams.push_back(*stream);
  }
  return BeaconSchedule(log_.boot(), std::move(streams), clock_.mono());
}

void BroadcastThread::run() {
  auto schedule = first_schedule();
  if (!schedule) return failure_.set(schedule.error());
  Poller poller;
  poller.add(news_.descriptor());
  doors_.add_to(poller);
  while (true) {
    doors_.take_wishes(clock_.mono());
    const bool last_round = stopping_;
    for (Liveness& liveness : liveness_.take()) schedule->on_liveness(std::move(liveness));
    send_news(*schedule);
    for (const auto& [stream, beacon] : schedule->take_due(clock_.mono())) {
      doors_.publish(topics_[stream.value], Message(std::string_view(encode_beacon(beacon))),
                     clock_.mono());
    }
    if (last_round) return;
    const auto wait =
        std::chrono::duration_cast<milliseconds>(schedule->next_due() - clock_.mono());
    poller.wait(std::clamp(wait + milliseconds(1), milliseconds(1), limits::kLivenessInterval));
  }
}

void BroadcastThread::send_news(BeaconSchedule& schedule) {
  for (BroadcastNews& news : news_.take()) {
    for (CommittedBatch& batch : news.batches) {
      schedule.on_broadcast(batch, clock_.mono());
      doors_.publish(topics_[batch.stream.value], std::move(batch.message), clock_.mono());
    }
    for (const auto& [stream, oldest] : news.trimmed) schedule.on_trimmed(stream, oldest);
  }
}

}  // namespace forebay
