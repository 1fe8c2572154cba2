#include "sidecar/commit.h"

#include <algorithm>
#include <iterator>

#include "common/base/planted.h"

namespace forebay {
namespace {

/// One transaction's worth of work.
class Round {
 public:
  Round(Log& log, Holds& holds, Log::Transaction& transaction, WallTime now)
      : log_(log), holds_(holds), transaction_(transaction), now_(now) {}

  Result<void> operator()(BatchWork& work) {
    auto producer = this->producer(work.origin.producer);
    if (!producer) return fail(producer.error());
    ProducerRecord* record = *producer;
    const bool lenient = planted::has(planted::Bug::kForgetsWhatItTook) ||
                         planted::has(planted::Bug::kEpochNotFenced);
    FOREBAY_INVARIANT(record != nullptr && (lenient || (record->epoch == work.origin.epoch &&
                                                        record->position == work.origin.previous)));
    auto header = transaction_.append(work.stream, work.message.view(), work.message.data(), now_);
    if (!header) return fail(header.error());
    record->position = lenient ? std::max(record->position, work.origin.last) : work.origin.last;
    record->sequence = header->last();
    record->time = header->place.commit_time;
    first_.try_emplace(work.origin.producer, header->first());
    outcome_.batches.push_back({work.stream, *header, {}});
    return {};
  }

  Result<void> operator()(RegisterWork& work) {
    auto producer = this->producer(work.id);
    if (!producer) return fail(producer.error());
    if (*producer == nullptr) {
      ProducerRecord fresh;
      fresh.stream = log_.stream_name(work.stream);
      fresh.name = work.name;
      fresh.fingerprint = work.fingerprint;
      producers_[work.id] = std::move(fresh);
    }
    ProducerRecord& record = *producers_[work.id];
    if (record.instance != work.instance) {
      record.instance = work.instance;
      record.epoch = work.epoch;
      record.start = record.position;
    }
    FOREBAY_INVARIANT(record.epoch == work.epoch);
    record.departed = false;
    record.time = now_;
    registrations_.push_back({work.peer, work.id, work.stream, work.instance});
    return {};
  }

  Result<void> operator()(DepartWork& work) {
    auto producer = this->producer(work.id);
    if (!producer) return fail(producer.error());
    if (*producer == nullptr) return {};
    if ((*producer)->anonymous()) {
      producers_[work.id].reset();
    } else {
      (*producer)->departed = true;
    }
    return {};
  }

  Result<void> operator()(SubscribeWork& work) {
    const StreamRecord& stream = transaction_.stream(work.stream);
    const Subscribe& request = work.request;
    ConsumerRecord record;
    record.incarnation = stream.incarnation;
    Sequence start = stream.oldest - 1;
    if (request.start == "latest") {
      start = stream.head();
    } else if (request.start == "time") {
      const auto first = transaction_.find_time(work.stream, wall_from_unix_ns(request.time_ns));
      if (!first) return fail(first.error());
      start = *first - 1;
    } else if (request.start == "cursor") {
      record.incarnation = request.incarnation;
      start = request.cursor;
    }
    record.start = start;
    // One that goes on keeps what is known of it.
    const bool known = request.start == "cursor" && work.known.incarnation == request.incarnation;
    if (known) record = work.known;
    // What does not show now is as it was before, while it stands where it stood.
    const auto here = request.start == "cursor" ? is_here(work.stream, request) : std::nullopt;
    record.rolled_back = here ? !*here : known && record.rolled_back && record.cursor == start;
    record.cursor = start;
    record.time = now_;
    const ConsumerKey key{request.stream, request.consumer};
    const bool vouched = here.value_or(false);
    outcome_.subscribed.push_back({key, record, vouched});
    // Before anything is trimmed with this.
    holds_.set(work.stream, key.consumer, stream.read_by(record));
    outcome_.answers.push_back(
        {work.peer,
         Subscribed{request.stream, stream.incarnation, start, stream.head(), stream.oldest,
                    vouched ? start : stream.shared_with(request.incarnation, record.rolled_back)},
         {}});
    return transaction_.put_consumer(key, record);
  }

  Result<void> operator()(ForgetWork& work) {
    std::erase_if(outcome_.subscribed, [&](const auto& each) { return each.key == work.key; });
    outcome_.forgotten.push_back(work.key);
    if (work.stream) holds_.forget(*work.stream, work.key.consumer);
    outcome_.answers.push_back({work.peer, Forgotten{work.key.stream, work.key.consumer}, {}});
    return transaction_.erase_consumer(work.key);
  }

  Result<void> operator()(ForgetProducerWork& work) {
    auto producer = this->producer(work.id);
    if (!producer) return fail(producer.error());
    producers_[work.id].reset();
    outcome_.forgotten_producers.push_back(work.id);
    outcome_.answers.push_back(
        {work.peer, ProducerForgotten{log_.stream_name(work.stream), work.id}, {}});
    return {};
  }

  Result<void> operator()(CursorWork& work) {
    // A report that was on its way while its consumer was forgotten does not bring it back.
    const auto known = transaction_.has_consumer(work.key);
    if (!known) return fail(known.error());
    return *known ? transaction_.put_consumer(work.key, work.record) : Result<void>();
  }

  /// Puts the producers that changed, and fills in what is answered of them.
  Result<CommitOutcome> finish() {
    for (const auto& [id, record] : producers_) {
      auto written =
          record ? transaction_.put_producer(id, *record) : transaction_.erase_producer(id);
      if (!written) return fail(written.error());
      const auto first = first_.find(id);
      if (record && first != first_.end()) {
        outcome_.positions.push_back({id, record->position, record->sequence, first->second});
      }
    }
    for (const Registration& registration : registrations_) {
      const auto& record = producers_[registration.id];
      if (!record) continue;  // said goodbye in the same transaction
      if (record->instance != registration.instance) {
        // Two registered in one transaction: the epoch is the later one's alone. The other may
        // try again; if it had an epoch before, it then learns that it is fenced.
        outcome_.answers.push_back(
            {registration.peer,
             ErrorReply{ErrorCode::kUnavailable,
                        "another instance of this producer registered at the same moment"},
             {}});
        continue;
      }
      outcome_.registered.emplace_back(registration.id, *record);
      outcome_.answers.push_back(
          {registration.peer,
           Registered{record->stream, transaction_.stream(registration.stream).incarnation,
                      registration.id, record->epoch, record->start, record->position,
                      record->sequence},
           {}});
    }
    return std::move(outcome_);
  }

 private:
  struct Registration {
    Peer peer;
    ProducerId id;
    StreamIndex stream;
    InstanceId instance;
  };

  /// Whether the log holds what the consumer read at its cursor; nullopt if nothing tells.
  std::optional<bool> is_here(StreamIndex stream, const Subscribe& request) const {
    const StreamRecord& record = transaction_.stream(stream);
    if (request.incarnation != record.incarnation) return std::nullopt;
    if (request.cursor > record.head()) return false;
    if (request.checksum == 0 || request.cursor < record.oldest) return std::nullopt;
    std::optional<bool> here;
    // Outside the transaction, which a damaged page would end.
    const auto scanned =
        log_.snapshot().scan(stream, request.cursor, [&](const Log::Snapshot::Stored& stored) {
          if (stored.batch && stored.first <= request.cursor)
            here = stored.batch->header().checksum == request.checksum;
          return false;
        });
    return scanned ? here : std::nullopt;
  }

  /// The producer as this transaction leaves it so far; nullptr if there is none.
  Result<ProducerRecord*> producer(ProducerId id) {
    const auto [found, absent] = producers_.try_emplace(id);
    if (absent) {
      auto stored = transaction_.producer(id);
      if (!stored) return fail(stored.error());
      found->second = std::move(*stored);
    }
    return found->second ? &*found->second : nullptr;
  }

  Log& log_;
  Holds& holds_;
  Log::Transaction& transaction_;
  WallTime now_;
  std::map<ProducerId, std::optional<ProducerRecord>> producers_;
  std::map<ProducerId, Sequence> first_;  // that this transaction put
  std::vector<Registration> registrations_;
  CommitOutcome outcome_;
};

}  // namespace

Result<CommitOutcome> Committer::commit(std::vector<Work> work) {
  if (auto watched = trimmer_.watch_clock(); !watched) return fail(watched.error());
  std::uint64_t bytes = 0;
  for (const Work& item : work) {
    if (const auto* batch = std::get_if<BatchWork>(&item))
      bytes += Log::space_of(batch->message.size());
  }
  if (auto space = log_.ensure_space(bytes); !space) {
    if (space.error().code != ErrorCode::kFull) return fail(space.error());
    return commit_full(std::move(work), space.error().message);
  }
  return commit_all(work);
}

Result<CommitOutcome> Committer::commit_all(std::vector<Work>& work) {
  auto outcome = commit_once(work);
  // By a damaged page where it would trim: again, without that stream.
  while (!outcome && outcome.error().code == ErrorCode::kUnavailable) outcome = commit_once(work);
  if (!outcome) return outcome;
  auto batch = outcome->batches.begin();
  for (Work& item : work) {
    if (auto* committed = std::get_if<BatchWork>(&item))
      (batch++)->message = std::move(committed->message);
  }
  return outcome;
}

Result<CommitOutcome> Committer::commit_once(std::vector<Work>& work) {
  Log::Transaction transaction = log_.begin();
  Round round(log_, holds_, transaction, clock_.wall());
  for (Work& item : work) {
    if (auto done = std::visit(round, item); !done) return fail(done.error());
  }
  auto outcome = round.finish();
  if (!outcome) return outcome;
  auto trimmed = trimmer_.trim(transaction);
  if (!trimmed) return fail(trimmed.error());
  outcome->trimmed = std::move(*trimmed);
  if (auto committed = transaction.commit(); !committed) return fail(committed.error());
  return outcome;
}

/// Done from the reserve: trimming, though publishers ask again and again; what forgets; and a
/// consumer that comes back, since what it has to read may be what holds the log full.
Result<CommitOutcome> Committer::commit_full(std::vector<Work> work, const std::string& message) {
  const auto others = std::stable_partition(work.begin(), work.end(), [](const Work& item) {
    const auto* subscribe = std::get_if<SubscribeWork>(&item);
    return std::holds_alternative<ForgetWork>(item) ||
           std::holds_alternative<ForgetProducerWork>(item) ||
           (subscribe != nullptr && !subscribe->known.incarnation.none());
  });
  std::vector<Work> urgent(std::make_move_iterator(work.begin()), std::make_move_iterator(others));
  work.erase(work.begin(), others);
  Result<CommitOutcome> outcome;
  if (!urgent.empty() || trimmer_.due()) outcome = commit_all(urgent);
  if (outcome) discard(work, message, *outcome);
  return outcome;
}

void Committer::discard(const std::vector<Work>& work, const std::string& message,
                        CommitOutcome& outcome) {
  outcome.full = true;
  outcome.full_message = message;
  const ErrorReply full{ErrorCode::kFull, message};
  for (const Work& item : work) {
    if (const Peer* peer = who_waits(item)) outcome.answers.push_back({*peer, full, {}});
  }
}

}  // namespace forebay
