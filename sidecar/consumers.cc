#include "sidecar/consumers.h"

#include <algorithm>

#include "common/base/limits.h"

namespace forebay {
namespace {

/// What operators are shown of it is a word: any bytes could take over their terminal.
bool is_state(const std::string& text) {
  constexpr std::size_t kStateBytesMax = 16;
  return text.size() <= kStateBytesMax && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || c == '_';
         });
}

}  // namespace

Consumers::Consumers(const Clock& clock, Holds& holds, std::vector<Followed> streams,
                     const std::vector<std::pair<ConsumerKey, ConsumerRecord>>& stored)
    : clock_(clock), holds_(holds), streams_(std::move(streams)) {
  for (const auto& [key, record] : stored) {
    Consumer& consumer = consumers_[key];
    consumer.record = record;
    set_read(key, consumer);
    if (const auto stream = index_of(key.stream)) holds_.set(*stream, key.consumer, consumer.read);
  }
}

std::optional<StreamIndex> Consumers::index_of(const std::string& stream) const {
  const auto found = std::find_if(streams_.begin(), streams_.end(),
                                  [&](const Followed& each) { return each.stream == stream; });
  if (found == streams_.end()) return std::nullopt;
  return StreamIndex{static_cast<std::size_t>(found - streams_.begin())};
}

/// What follows from its record.
void Consumers::set_read(const ConsumerKey& key, Consumer& consumer) const {
  const ConsumerRecord& record = consumer.record;
  consumer.read = record.cursor;
  if (const auto index = index_of(key.stream)) {
    const StreamRecord& stream = streams_[index->value].record;
    consumer.read = stream.read_by(record);
    const bool begun = !record.incarnation.none();
    consumer.diverged = record.rolled_back || (begun && record.incarnation != stream.incarnation);
  }
}

void Consumers::on_subscribe(const Peer& peer, const Subscribe& request) {
  const auto refuse = [&](ErrorCode code, std::string message) {
    outgoing_.push_back({peer, ErrorReply{code, std::move(message)}, {}});
  };
  const auto stream = index_of(request.stream);
  if (!stream) {
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
  if (registering_.contains(key)) {
    return refuse(ErrorCode::kUnavailable,
                  request.consumer + " is being registered just now: ask again");
  }
  const auto with_those_under_way = [&] {
    return consumers_.size() +
           static_cast<std::size_t>(
               std::count_if(registering_.begin(), registering_.end(),
                             [&](const ConsumerKey& each) { return !consumers_.contains(each); }));
  };
  if (!consumers_.contains(key) &&
      consumers_.size() + registering_.size() >= limits::kConsumersMax &&
      with_those_under_way() >= limits::kConsumersMax) {
    return refuse(
        ErrorCode::kFull,
        "as many consumers as a sidecar keeps are known: take another name, or one that is");
  }
  registering_.insert(key);
  const auto known = consumers_.find(key);
  work_.push_back(SubscribeWork{
      peer, *stream, request, known == consumers_.end() ? ConsumerRecord{} : known->second.record});
}

bool Consumers::on_cursor(const Peer& peer, const CursorReport& report) {
  if (!is_state(report.state)) return false;
  const ConsumerKey key{report.stream, report.consumer};
  const auto found = consumers_.find(key);
  if (found == consumers_.end()) {
    if (!registering_.contains(key))
      outgoing_.push_back({peer, Forgotten{report.stream, report.consumer}, {}});
    return true;
  }
  if (found->second.forgetting) return true;
  Consumer& consumer = found->second;
  // What its registration showed stays, until it says that it goes on.
  const bool stands = report.state != "LIVE" && report.incarnation == consumer.record.incarnation &&
                      report.sequence <= consumer.record.cursor;
  consumer.vouched = consumer.vouched && stands;
  const auto stream = index_of(report.stream);
  const bool shown = report.state == "DIVERGED" && !consumer.vouched && stream &&
                     report.incarnation == streams_[stream->value].record.incarnation;
  const bool rolled_back = shown || (consumer.record.rolled_back && stands);
  const Sequence cursor = rolled_back && stands ? consumer.record.cursor : report.sequence;
  const bool moved = consumer.record.cursor != cursor || consumer.record.lost != report.lost ||
                     consumer.record.failed != report.failed ||
                     consumer.record.incarnation != report.incarnation ||
                     consumer.record.rolled_back != rolled_back;
  consumer.record.incarnation = report.incarnation;
  consumer.record.cursor = cursor;
  consumer.record.lost = report.lost;
  consumer.record.failed = report.failed;
  consumer.record.rolled_back = rolled_back;
  consumer.record.time = clock_.wall();
  consumer.state = report.state;
  consumer.heard = clock_.mono();
  set_read(key, consumer);
  if (!moved) return true;
  if (stream) holds_.set(*stream, report.consumer, consumer.read);
  work_.emplace_back(CursorWork{found->first, consumer.record});
  return true;
}

void Consumers::on_forget(const Peer& peer, const Forget& request) {
  const auto refuse = [&](ErrorCode code, const std::string& message) {
    outgoing_.push_back({peer, ErrorReply{code, message}, {}});
  };
  const auto found = consumers_.find({request.stream, request.consumer});
  if (found == consumers_.end()) {
    return refuse(ErrorCode::kNotFound, "no consumer '" + request.consumer.substr(0, 64) +
                                            "' of stream '" + request.stream.substr(0, 64) +
                                            "' is registered here");
  }
  const MonoTime heard = found->second.heard;
  if ((heard != MonoTime{} && clock_.mono() - heard < limits::kConsumerSilent) ||
      registering_.contains(found->first)) {
    return refuse(ErrorCode::kUnavailable,
                  request.consumer + " is there and reads " + request.stream +
                      ": stop it first, or it goes on without being waited for");
  }
  found->second.forgetting = true;
  work_.emplace_back(ForgetWork{peer, index_of(request.stream), found->first});
}

void Consumers::on_outcome(const CommitOutcome& outcome) {
  if (outcome.full) {  // those that were to be forgotten with it are not
    for (auto& [key, consumer] : consumers_) consumer.forgetting = false;
    registering_.clear();
  }
  for (const ConsumerKey& key : outcome.forgotten) {
    consumers_.erase(key);
    registering_.erase(key);
  }
  for (const auto& [key, record, vouched] : outcome.subscribed) {
    Consumer& consumer = consumers_[key];
    consumer.record = record;
    consumer.vouched = vouched;
    set_read(key, consumer);
    consumer.heard = clock_.mono();
    registering_.erase(key);
  }
}

}  // namespace forebay
