#include "sidecar/log/rewriting.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <tuple>

#include "common/base/limits.h"

namespace forebay {
namespace {

/// Of two that have one name, the older one was forgotten before the other came.
void drop_forgotten(std::map<ProducerId, ProducerRecord>& records) {
  using Name = std::tuple<std::string, std::string, std::uint64_t>;
  std::map<Name, std::map<ProducerId, ProducerRecord>::iterator> newest;
  for (auto it = records.begin(); it != records.end();) {
    const auto next = std::next(it);
    const ProducerRecord& record = it->second;
    if (!record.anonymous()) {
      const auto [known, fresh] =
          newest.try_emplace({record.stream, record.name, record.fingerprint}, it);
      if (!fresh) {
        const bool newer = known->second->second.time < record.time;
        records.erase(newer ? known->second : it);
        if (newer) known->second = it;
      }
    }
    it = next;
  }
}

}  // namespace

void Rewriting::start_at(StreamIndex stream, Sequence first) {
  if (begin(0)) transaction_->start_at(stream, first);
}

void Rewriting::batch(StreamIndex stream, const BatchView& batch) {
  const BatchHeader& header = batch.header();
  BatchOrigin origin = header.origin;
  origin.incarnation = log_.stream(stream).incarnation;
  bytes_ = batch.bytes();
  set_batch_origin(bytes_.data(), origin);
  append(stream, header.place.commit_time);
  if (header.kind == BatchKind::kEvents)
    put_[origin.producer] = {origin.epoch, origin.last, header.last()};
}

void Rewriting::gap(StreamIndex stream, std::uint64_t count, const std::string& reason) {
  bytes_ = make_gap_record(log_.stream(stream).incarnation, count, reason);
  append(stream, WallTime(Nanoseconds(1)));  // as early as may be: 0 is what is not committed
}

Sequence Rewriting::next(StreamIndex stream) const {
  return (transaction_ ? transaction_->stream(stream) : log_.stream(stream)).next;
}

void Rewriting::descends_from(StreamIndex stream, const StreamRecord& before) {
  auto ancestors = before.ancestors;
  ancestors.push_back({before.incarnation, next(stream) - 1});
  // Who comes from a log that is forgotten begins anew.
  while (ancestors.size() > limits::kAncestorsMax) ancestors.erase(ancestors.begin());
  if (begin(0)) transaction_->set_ancestors(stream, std::move(ancestors));
}

std::vector<ProducerId> Rewriting::producers(std::map<ProducerId, ProducerRecord> records) {
  drop_forgotten(records);
  for (auto& [id, record] : records) {
    const auto of = put_.find(id);
    if (of != put_.end() && record.position < of->second.position) {
      record.epoch = std::max(record.epoch, of->second.epoch);
      record.position = of->second.position;
      record.sequence = of->second.sequence;
    }
    record.start = std::min(record.start, record.position);
    if (begin(0)) take(transaction_->put_producer(id, record));
  }
  std::vector<ProducerId> unknown;
  for (const auto& [id, of] : put_) {
    if (!records.contains(id)) unknown.push_back(id);
  }
  return unknown;
}

void Rewriting::consumer(const ConsumerKey& key, const ConsumerRecord& record) {
  if (begin(0)) take(transaction_->put_consumer(key, record));
}

Result<void> Rewriting::finish() {
  if (done_ && transaction_) take(transaction_->commit());
  transaction_.reset();
  return done_;
}

/// False if it failed before, or there is no room.
bool Rewriting::begin(std::size_t bytes) {
  if (done_ && transaction_ && held_ + bytes > limits::kCommitBytesMax) {
    take(transaction_->commit());
    transaction_.reset();
  }
  if (done_ && !transaction_) {
    held_ = 0;
    take(log_.ensure_space(2 * (limits::kCommitBytesMax + limits::kBatchPayloadBytesMax)));
    if (done_) transaction_.emplace(log_.begin());
  }
  held_ += bytes;
  return done_.has_value();
}

void Rewriting::append(StreamIndex stream, WallTime time) {
  if (!begin(bytes_.size())) return;
  if (auto put = transaction_->append(stream, bytes_, bytes_.data(), time); !put)
    done_ = fail(put.error());
}

void Rewriting::take(Result<void> result) {
  if (done_ && !result) done_ = std::move(result);
}

}  // namespace forebay
