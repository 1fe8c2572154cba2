#include "sidecar/ingest.h"

#include <algorithm>

#include "common/base/bytes.h"
#include "common/base/limits.h"
#include "common/base/planted.h"

namespace forebay {
namespace {

ProducerId random_producer_id() {
  return ProducerId{load_le<std::uint64_t>(InstanceId::random().bytes.data()) | 1};
}

}  // namespace

Ingest::Ingest(const Clock& clock, const Holds& holds, std::vector<StreamInfo> streams,
               const std::vector<std::pair<ProducerId, ProducerRecord>>& producers)
    : clock_(clock), holds_(holds), streams_(std::move(streams)) {
  std::map<std::string, StreamIndex, std::less<>> by_name;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    by_incarnation_.emplace(streams_[i].incarnation, StreamIndex{i});
    by_name.emplace(streams_[i].name, StreamIndex{i});
  }
  for (const auto& [id, record] : producers) {
    const auto stream = by_name.find(record.stream);
    if (stream == by_name.end()) continue;  // a stream that the topology no longer has
    Producer producer;
    producer.stream = stream->second;
    producer.name = record.name;
    producer.fingerprint = record.fingerprint;
    producer.key = key_of(producer.stream, record.name, record.fingerprint, record.instance);
    producer.epoch = producer.stored_epoch = record.epoch;
    producer.instance = producer.stored_instance = record.instance;
    producer.start = producer.stored_start = record.start;
    producer.ingested = producer.committed = record.position;
    producer.sequence = record.sequence;
    producer.departed = record.departed;
    producer.stored = true;
    producer.heard = clock_.mono();
    if (record.anonymous()) ++anonymous_;
    by_key_.emplace(producer.key, id);
    producers_.emplace(id.value, std::move(producer));
  }
}

/// A named producer is (stream, name, fingerprint); an anonymous one its instance.
std::string Ingest::key_of(StreamIndex stream, const std::string& name, std::uint64_t fingerprint,
                           const InstanceId& instance) {
  std::string key;
  append_le(key, static_cast<std::uint64_t>(stream.value));
  append_le(key, fingerprint);
  key += name.empty() ? '\0' + std::string(instance.view()) : name;
  return key;
}

Ingest::Producer* Ingest::find(ProducerId id) {
  const auto found = producers_.find(id.value);
  return found == producers_.end() || found->second.forgetting ? nullptr : &found->second;
}

Ingest::Producer* Ingest::find(const ProducerRef& ref) {
  Producer* producer = find(ref.producer);
  const bool same =
      producer != nullptr && producer->epoch == ref.epoch && producer->instance == ref.instance;
  return same ? producer : nullptr;
}

Ingest::Producers::iterator Ingest::erase(Producers::iterator producer) {
  if (producer->second.name.empty()) --anonymous_;
  by_key_.erase(producer->second.key);
  return producers_.erase(producer);
}

void Ingest::count_refused(std::string_view reason) {
  const auto found = counters_.refused.find(reason);
  if (found == counters_.refused.end()) {
    counters_.refused.emplace(std::string(reason), 1);
  } else {
    ++found->second;
  }
}

void Ingest::send(const Producer& producer, Reply reply) {
  if (producer.route.empty()) return;
  outgoing_.push_back({{producer.route, 0}, std::move(reply), {}});
}

void Ingest::acknowledge(ProducerId id, const Producer& producer, Sequence first) {
  send(producer, Acknowledged{streams_[producer.stream.value].incarnation, id,
                              producer.stored_epoch, producer.committed, producer.sequence, first});
}

void Ingest::refuse(const BatchHeader& header, const Producer* producer, ErrorCode code,
                    std::string message) {
  count_refused(to_string(code));
  // The route is that of the present epoch; a publisher of another learns its fate from its
  // keepalive.
  if (producer == nullptr || producer->epoch != header.origin.epoch) return;
  send(*producer, Refused{header.origin.producer, header.origin.epoch, code, std::move(message)});
}

void Ingest::on_batch(Message frame) {
  const auto batch = BatchView::parse(frame.view());
  if (!batch) {
    count_refused(to_string(batch.error().code));
    return;
  }
  const BatchHeader& header = batch->header();
  const BatchOrigin& origin = header.origin;
  Producer* producer = find(origin.producer);
  if (header.kind != BatchKind::kEvents) {
    refuse(header, producer, ErrorCode::kBadInput,
           "a gap record, which only a log itself may make");
    return;
  }
  const auto stream = by_incarnation_.find(origin.incarnation);
  if (stream == by_incarnation_.end()) {
    refuse(header, producer, ErrorCode::kDiverged,
           "no stream here has this incarnation: register again");
    return;
  }
  if (producer == nullptr || producer->stream != stream->second || origin.epoch > producer->epoch) {
    refuse(header, producer, ErrorCode::kUnregistered,
           "this producer and epoch are not known: register again");
    return;
  }
  if (origin.epoch < producer->epoch && !planted::has(planted::Bug::kEpochNotFenced)) {
    refuse(header, producer, ErrorCode::kFenced,
           "another instance of this producer has taken over");
    return;
  }
  producer->heard = clock_.mono();
  take(origin.producer, *producer, stream->second, header, std::move(frame));
}

void Ingest::take(ProducerId id, Producer& producer, StreamIndex stream, const BatchHeader& header,
                  Message frame) {
  const BatchOrigin& origin = header.origin;
  if (origin.last <= producer.start) {
    refuse(header, &producer, ErrorCode::kBadSequence,
           "producer sequence " + std::to_string(origin.last.value) +
               " was committed before this epoch, up to " + std::to_string(producer.start.value));
  } else if (origin.last <= producer.committed && planted::has(planted::Bug::kForgetsWhatItTook)) {
    work_.emplace_back(BatchWork{stream, origin, std::move(frame)});
  } else if (origin.last <= producer.committed) {
    ++counters_.duplicates;
    acknowledge(id, producer, {});
  } else if (origin.last <= producer.ingested) {
    ++counters_.duplicates;  // its acknowledgement comes with its commit
    if (planted::has(planted::Bug::kAcknowledgesUncommittedDuplicate))
      send(producer, Acknowledged{origin.incarnation, id, origin.epoch, origin.last, {}, {}});
  } else if (origin.previous == producer.ingested && holds_.refusing(stream)) {
    producer.resend_asked = true;  // what follows on this one is no reason to ask
    count_refused(to_string(ErrorCode::kFull));
    send(producer, Full{id, producer.epoch, producer.committed,
                        "stream " + streams_[stream.value].name +
                            " holds as much as it may, and a consumer has yet to read the oldest"});
  } else if (origin.previous == producer.ingested) {
    producer.ingested = origin.last;
    producer.resend_asked = false;
    ++counters_.batches;
    counters_.events += header.count;
    work_.emplace_back(BatchWork{stream, origin, std::move(frame)});
    if (planted::has(planted::Bug::kAcknowledgesBeforeCommit))
      send(producer, Acknowledged{origin.incarnation, id, origin.epoch, origin.last, {}, {}});
  } else if (origin.previous > producer.ingested) {
    if (producer.resend_asked) return;
    producer.resend_asked = true;
    ++counters_.resends_asked;
    send(producer,
         Resend{streams_[stream.value].incarnation, id, producer.epoch, producer.ingested});
  } else {
    refuse(header, &producer, ErrorCode::kBadSequence,
           "producer sequences " + std::to_string(origin.previous.value) + " to " +
               std::to_string(origin.last.value) + " overlap what was taken up to " +
               std::to_string(producer.ingested.value));
  }
}

void Ingest::on_register(const Peer& peer, const Register& request) {
  const auto refuse_request = [&](ErrorCode code, std::string message) {
    count_refused(to_string(code));
    outgoing_.push_back({peer, ErrorReply{code, std::move(message)}, {}});
  };
  const auto stream = std::find_if(streams_.begin(), streams_.end(), [&](const StreamInfo& info) {
    return info.name == request.stream;
  });
  if (stream == streams_.end()) {
    return refuse_request(ErrorCode::kNotFound,
                          "no stream '" + request.stream.substr(0, 64) + "' in this sidecar");
  }
  if (request.instance.none() || (!request.name.empty() && !is_name(request.name))) {
    return refuse_request(
        ErrorCode::kBadInput,
        "a registration needs an instance id, and a name, if any, of a-z, 0-9, '.', '_', '-'");
  }
  const StreamIndex index{static_cast<std::size_t>(stream - streams_.begin())};
  const std::string key = key_of(index, request.name, request.fingerprint, request.instance);
  auto known = by_key_.find(key);
  if (known == by_key_.end()) {
    if (request.name.empty()) {
      if (anonymous_ >= limits::kAnonymousProducersMax) forget_idlest_anonymous();
    } else if (producers_.size() - anonymous_ >= limits::kProducersMax) {
      return refuse_request(
          ErrorCode::kFull,
          "as many named producers as a sidecar keeps are known: take a name that is known");
    }
    Producer fresh;
    fresh.stream = index;
    fresh.name = request.name;
    fresh.fingerprint = request.fingerprint;
    fresh.key = key;
    const ProducerId id = random_producer_id();
    if (request.name.empty()) ++anonymous_;
    known = by_key_.emplace(key, id).first;
    producers_.emplace(id.value, std::move(fresh));
  }
  const ProducerId id = known->second;
  Producer& producer = producers_.at(id.value);
  if (producer.forgetting) {
    return refuse_request(ErrorCode::kUnavailable,
                          "this producer is being forgotten just now: register again");
  }
  if (producer.instance != request.instance && request.epoch.value != 0 &&
      request.epoch < producer.epoch) {
    // One that was taken over from while it was away, back again: it does not take over in turn.
    return refuse_request(ErrorCode::kFenced, "another instance of this producer has taken over");
  }
  if (producer.instance != request.instance) {
    // From here on nothing of the old epoch gets in; what did is queued before this registration.
    producer.epoch.value += 1;
    producer.instance = request.instance;
    producer.start = producer.ingested;
  }
  producer.departed = false;
  producer.resend_asked = false;
  producer.route = peer.route;
  producer.heard = clock_.mono();
  if (planted::has(planted::Bug::kRegistersOutsideQueue)) {
    outgoing_.push_back(
        {peer,
         Registered{request.stream, streams_[index.value].incarnation, id, producer.epoch,
                    producer.start, producer.committed, producer.sequence},
         {}});
  }
  work_.emplace_back(RegisterWork{peer, index, id, producer.epoch, producer.instance, producer.name,
                                  producer.fingerprint});
}

void Ingest::on_keepalive(const Peer& peer, const Keepalive& request) {
  Producer* producer = find(request);
  if (producer == nullptr) {
    const Producer* known = find(request.producer);
    const bool fenced = known != nullptr && request.epoch < known->epoch;
    const ErrorCode code = fenced ? ErrorCode::kFenced : ErrorCode::kUnregistered;
    count_refused(to_string(code));
    outgoing_.push_back(
        {peer,
         ErrorReply{code, fenced ? "another instance of this producer has taken over"
                                 : "this producer and epoch are not known: register again"},
         {}});
    return;
  }
  producer->route = peer.route;
  producer->heard = clock_.mono();
  outgoing_.push_back({peer, Alive{request.producer, request.epoch, producer->committed}, {}});
}

void Ingest::on_goodbye(const Goodbye& request) {
  Producer* producer = find(request);
  if (producer == nullptr) return;
  producer->departed = true;
  producer->route.clear();
  work_.emplace_back(DepartWork{request.producer});
  if (producer->name.empty()) erase(producers_.find(request.producer.value));
}

void Ingest::on_forget(const Peer& peer, const ForgetProducer& request) {
  const auto refuse_request = [&](ErrorCode code, std::string message) {
    count_refused(to_string(code));
    outgoing_.push_back({peer, ErrorReply{code, std::move(message)}, {}});
  };
  const auto found = producers_.find(request.producer.value);
  Producer* producer = found == producers_.end() ? nullptr : &found->second;
  if (producer == nullptr || streams_[producer->stream.value].name != request.stream) {
    return refuse_request(ErrorCode::kNotFound, "stream '" + request.stream.substr(0, 64) +
                                                    "' has no producer of this id here");
  }
  if (producer->forgetting)
    return refuse_request(ErrorCode::kUnavailable, "this producer is being forgotten just now");
  const bool there =
      !producer->departed && clock_.mono() - producer->heard < limits::kProducerSilent;
  if (there || producer->ingested != producer->committed) {
    return refuse_request(ErrorCode::kUnavailable,
                          "this producer was heard of less than " +
                              std::to_string(limits::kProducerSilent.count() / 1000) +
                              " s ago: stop it first, or what it sends is not taken");
  }
  producer->forgetting = true;
  work_.emplace_back(ForgetProducerWork{peer, producer->stream, request.producer});
}

void Ingest::forget_idlest_anonymous() {
  auto idlest = producers_.end();
  for (auto it = producers_.begin(); it != producers_.end(); ++it) {
    const Producer& producer = it->second;
    if (!producer.name.empty() || producer.forgetting || producer.ingested != producer.committed)
      continue;
    if (idlest == producers_.end() || producer.heard < idlest->second.heard) idlest = it;
  }
  if (idlest == producers_.end()) return;
  work_.emplace_back(DepartWork{ProducerId{idlest->first}});
  erase(idlest);
}

void Ingest::on_outcome(const CommitOutcome& outcome) {
  for (const ProducerId id : outcome.forgotten_producers) {
    if (const auto found = producers_.find(id.value); found != producers_.end()) erase(found);
  }
  if (outcome.full) return discard_queued(outcome.full_message);
  for (const auto& [id, record] : outcome.registered) {
    const auto found = producers_.find(id.value);
    if (found == producers_.end()) continue;
    Producer& producer = found->second;
    producer.stored = true;
    producer.stored_epoch = record.epoch;
    producer.stored_instance = record.instance;
    producer.stored_start = record.start;
    producer.committed = record.position;
    producer.sequence = record.sequence;
  }
  for (const CommittedPosition& position : outcome.positions) {
    const auto found = producers_.find(position.id.value);
    if (found == producers_.end()) continue;
    found->second.committed = position.position;
    found->second.sequence = position.sequence;
    acknowledge(position.id, found->second, position.first);
  }
}

void Ingest::discard_queued(const std::string& message) {
  // What was queued here and not yet handed over belongs to what is discarded.
  for (const Work& work : work_) {
    if (const Peer* peer = who_waits(work))
      outgoing_.push_back({*peer, ErrorReply{ErrorCode::kFull, message}, {}});
  }
  work_.clear();
  for (auto it = producers_.begin(); it != producers_.end();) {
    Producer& producer = it->second;
    const bool held_back = producer.ingested != producer.committed;
    if (!producer.stored) {
      it = erase(it);
      continue;
    }
    producer.forgetting = false;
    producer.epoch = producer.stored_epoch;
    producer.instance = producer.stored_instance;
    producer.start = producer.stored_start;
    producer.ingested = producer.committed;
    producer.resend_asked = false;
    if (held_back)
      send(producer, Full{ProducerId{it->first}, producer.epoch, producer.committed, message});
    ++it;
  }
}

std::vector<Ingest::ProducerStatus> Ingest::producers() const {
  std::vector<ProducerStatus> all;
  const MonoTime now = clock_.mono();
  for (const auto& [id, producer] : producers_) {
    all.push_back({ProducerId{id}, streams_[producer.stream.value].name, producer.name,
                   producer.epoch, producer.committed,
                   std::chrono::duration_cast<std::chrono::milliseconds>(now - producer.heard),
                   producer.departed});
  }
  return all;
}

std::vector<std::vector<std::pair<ProducerId, MonoTime>>> Ingest::liveness() const {
  std::vector<std::vector<std::pair<ProducerId, MonoTime>>> by_stream(streams_.size());
  const MonoTime now = clock_.mono();
  for (const auto& [id, producer] : producers_) {
    if (producer.departed) continue;
    if (producer.name.empty() && now - producer.heard > limits::kAnonymousSilenceMax) continue;
    by_stream[producer.stream.value].emplace_back(ProducerId{id}, producer.heard);
  }
  return by_stream;
}

}  // namespace forebay
