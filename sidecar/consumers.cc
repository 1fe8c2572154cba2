#include "sidecar/consumers.h"

#include <algorithm>

#include "common/base/limits.h"

namespace forebay {

Consumers::Consumers(const Clock& clock, std::vector<std::string> streams,
                     const std::vector<std::pair<ConsumerKey, ConsumerRecord>>& stored)
    : clock_(clock), streams_(std::move(streams)) {
  for (const auto& [key, record] : stored) consumers_[key].record = record;
}

void Consumers::on_subscribe(const Peer& peer, const Subscribe& request) {
  const auto refuse = [&](ErrorCode code, std::string message) {
    outgoing_.push_back({peer, ErrorReply{code, std::move(message)}, {}});
  };
  const auto stream = std::find(streams_.begin(), streams_.end(), request.stream);
  if (stream == streams_.end()) {
    return refuse(ErrorCode::kNotFound,
                  "no stream '" + request.stream.substr(0, 64) + "' in this sidecar");
  }
  if (!is_name(request.consumer)) {
    return refuse(ErrorCode::kBadInput, "a consumer's name is of a-z, 0-9, '.', '_', '-'");
  }
  if (request.start != "earliest" && request.start != "latest" && request.start != "time" &&
      request.start != "cursor") {
    return refuse(ErrorCode::kBadInput, "\"start\" is earliest, latest, time or cursor");
  }
  const ConsumerKey key{request.stream, request.consumer};
  if (!consumers_.contains(key) && consumers_.size() >= limits::kConsumersMax) {
    return refuse(
        ErrorCode::kFull,
        "as many consumers as a sidecar keeps are known: take another name, or one that is");
  }
  const auto known = consumers_.find(key);
  work_.push_back(
      SubscribeWork{peer,
                    {static_cast<std::size_t>(stream - streams_.begin())},
                    request,
                    known == consumers_.end() ? ConsumerRecord{} : known->second.record});
}

void Consumers::on_cursor(const CursorReport& report) {
  const auto found = consumers_.find({report.stream, report.consumer});
  if (found == consumers_.end()) return;
  Consumer& consumer = found->second;
  const bool moved =
      consumer.record.cursor != report.sequence || consumer.record.lost != report.lost ||
      consumer.record.failed != report.failed || consumer.record.incarnation != report.incarnation;
  consumer.record.incarnation = report.incarnation;
  consumer.record.cursor = report.sequence;
  consumer.record.lost = report.lost;
  consumer.record.failed = report.failed;
  consumer.record.time = clock_.wall();
  consumer.state = report.state;
  consumer.heard = clock_.mono();
  if (moved) work_.push_back(CursorWork{found->first, consumer.record});
}

void Consumers::on_outcome(const CommitOutcome& outcome) {
  for (const auto& [key, record] : outcome.subscribed) {
    Consumer& consumer = consumers_[key];
    consumer.record = record;
    consumer.heard = clock_.mono();
  }
}

}  // namespace forebay
