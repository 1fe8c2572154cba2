// Reading one moment of the log.
#include <lmdb.h>

#include <algorithm>

#include "common/base/bytes.h"
#include "sidecar/log/entries.h"
#include "sidecar/log/layout.h"
#include "sidecar/log/log.h"

namespace forebay {

using namespace log_layout;

Log::Snapshot::Snapshot(const Log& log) : log_(&log), txn_(nullptr) {
  const int code = mdb_txn_begin(log.env_.get(), nullptr, MDB_RDONLY, &txn_);
  end_if_environment_is_dead("log " + log.options_.dir + ": cannot begin to read", code);
  FOREBAY_INVARIANT(code == 0);
}
Log::Snapshot::Snapshot(Snapshot&& other) noexcept
    : log_(other.log_), txn_(std::exchange(other.txn_, nullptr)) {}
Log::Snapshot::~Snapshot() {
  if (txn_ != nullptr) mdb_txn_abort(txn_);
}

Result<StreamRecord> Log::Snapshot::stream(StreamIndex stream) const {
  return read_stream(txn_, log_->main_, log_->stream_name(stream));
}

Result<void> Log::Snapshot::scan(StreamIndex stream, Sequence from,
                                 const std::function<bool(const Stored&)>& visit) const {
  const auto record = this->stream(stream);
  if (!record) return fail(record.error());
  Cursor cursor(txn_, log_->batches_[stream.value]);
  auto raw = seek(cursor, from.value);
  if (!raw) return fail(raw.error());
  while (*raw) {
    Stored stored{{(*raw)->first}, record->next, (*raw)->bytes, std::nullopt, {}};
    MDB_val key, value;
    const int code = cursor.get(key, value, MDB_NEXT);
    *raw =
        code == 0 ? std::optional(RawBatch{from_integer_key(key), to_view(value)}) : std::nullopt;
    auto batch = BatchView::parse(stored.bytes);
    if (*raw) {
      stored.next.value = (*raw)->first;
    } else if (code != MDB_NOTFOUND) {
      if (!batch) return fail_read(code);  // nothing tells where it ends
      stored.next = batch->header().next();
    }
    if (!batch) {
      stored.damage = batch.error().message;
    } else if (batch->header().first() != stored.first || batch->header().next() != stored.next ||
               batch->header().origin.incarnation != record->incarnation) {
      stored.damage = "a batch that does not fit its place in the log";
    } else {
      stored.batch = *batch;
    }
    if (!visit(stored)) break;
    if (code != 0 && code != MDB_NOTFOUND) return fail_read(code);
  }
  return {};
}

Sequence Log::first_readable(StreamIndex stream, Sequence after, Sequence end) const {
  // A snapshot that met a damaged page reads no more.
  const auto readable = [&](std::uint64_t at) {
    const Snapshot snapshot = this->snapshot();
    Cursor cursor(snapshot.txn_, batches_[stream.value]);
    MDB_val key = integer_key(at), value;
    return cursor.get(key, value, MDB_SET_RANGE) == 0
               ? std::optional(std::max(at, from_integer_key(key)))
               : std::nullopt;
  };
  std::uint64_t low = after.value, high = low;
  std::optional<std::uint64_t> found;
  for (std::uint64_t step = 1; !found && high < end.value; step *= 2) {
    low = high;
    high = step < end.value - high ? high + step : end.value;
    found = readable(high);
  }
  while (found && high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    const auto nearer = readable(middle);
    if (nearer) found = nearer;
    (nearer ? high : low) = middle;
  }
  return found ? std::min(Sequence{*found}, end) : end;
}

Result<Sequence> Log::Snapshot::find_time(StreamIndex stream, WallTime time) const {
  const auto record = this->stream(stream);
  if (!record) return fail(record.error());
  return find_time_in(txn_, log_->batches_[stream.value], *record, time);
}

Result<std::vector<std::pair<std::string, std::string>>> Log::Snapshot::records() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const std::string_view prefix :
       {kStreamPrefix, kProducerPrefix, kConsumerPrefix, kClockKey}) {
    const auto add = [&](std::string_view name, std::string_view bytes) -> Result<void> {
      all.emplace_back(std::string(prefix).append(name), bytes);
      return {};
    };
    if (auto read = for_each(txn_, log_->main_, prefix, add); !read) return fail(read.error());
  }
  return all;
}

Result<std::vector<std::pair<ProducerId, ProducerRecord>>> Log::Snapshot::producers() const {
  std::vector<std::pair<ProducerId, ProducerRecord>> all;
  const auto add = [&](std::string_view name, std::string_view bytes) -> Result<void> {
    if (name.size() != sizeof(std::uint64_t))
      return fail(ErrorCode::kCorruption, "a producer's key is not 8 bytes");
    const ProducerId id{load_le<std::uint64_t>(name.data())};
    auto record = decode_producer_record(bytes);
    if (!record) return fail(record.error().in("producer " + std::to_string(id.value)));
    all.emplace_back(id, std::move(*record));
    return {};
  };
  if (auto read = for_each(txn_, log_->main_, kProducerPrefix, add); !read)
    return fail(read.error());
  return all;
}

Result<std::vector<std::pair<ConsumerKey, ConsumerRecord>>> Log::Snapshot::consumers() const {
  std::vector<std::pair<ConsumerKey, ConsumerRecord>> all;
  const auto add = [&](std::string_view name, std::string_view bytes) -> Result<void> {
    const std::size_t split = std::min(name.find('\0'), name.size() - 1);
    ConsumerKey key{std::string(name.substr(0, split)), std::string(name.substr(split + 1))};
    auto record = decode_consumer_record(bytes);
    if (!record) return fail(record.error().in("consumer " + key.consumer));
    all.emplace_back(std::move(key), *record);
    return {};
  };
  if (auto read = for_each(txn_, log_->main_, kConsumerPrefix, add); !read)
    return fail(read.error());
  return all;
}

}  // namespace forebay
