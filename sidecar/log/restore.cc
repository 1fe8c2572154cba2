#include "sidecar/log/restore.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <variant>

#include "common/base/bytes.h"
#include "common/base/files.h"
#include "common/base/limits.h"
#include "sidecar/log/backup_file.h"
#include "sidecar/log/layout.h"
#include "sidecar/log/rewriting.h"

namespace forebay {
namespace {

namespace fs = std::filesystem;
using namespace log_layout;

/// What no log comes to: a backup that says so is damaged.
constexpr Sequence kSequenceMax{std::uint64_t{1} << 62};

struct ProducerItem {
  ProducerId id;
  ProducerRecord record;
};
struct ConsumerItem {
  ConsumerKey key;
  ConsumerRecord record;
};
struct StreamItem {
  std::string name;
  StreamRecord record;
};
using RecordItem = std::variant<StreamItem, ProducerItem, ConsumerItem, ClockRecord>;

tl::unexpected<Error> no_record(const std::string& what) {
  return fail(ErrorCode::kCorruption, what);
}

Result<RecordItem> decode(const BackedUpRecord& item) {
  const auto after = [&](std::string_view prefix) { return item.key.substr(prefix.size()); };
  if (item.key.starts_with(kStreamPrefix)) {
    auto record = decode_stream_record(item.value);
    if (!record) return fail(record.error());
    if (!is_name(after(kStreamPrefix))) return no_record("a record of no stream's name");
    return StreamItem{std::string(after(kStreamPrefix)), *record};
  }
  if (item.key.starts_with(kProducerPrefix)) {
    auto record = decode_producer_record(item.value);
    if (!record) return fail(record.error());
    const std::string_view id = after(kProducerPrefix);
    if (id.size() != sizeof(std::uint64_t)) return no_record("a producer whose key is not 8 bytes");
    return ProducerItem{{load_le<std::uint64_t>(id.data())}, std::move(*record)};
  }
  if (item.key.starts_with(kConsumerPrefix)) {
    auto record = decode_consumer_record(item.value);
    if (!record) return fail(record.error());
    const std::string_view names = after(kConsumerPrefix);
    const std::size_t split = names.find('\0');
    if (split == std::string_view::npos) return no_record("a consumer whose key names no stream");
    if (!is_name(names.substr(0, split)) || !is_name(names.substr(split + 1)))
      return no_record("a consumer whose key holds no names");
    return ConsumerItem{{std::string(names.substr(0, split)), std::string(names.substr(split + 1))},
                        *record};
  }
  if (item.key != kClockKey) return no_record("a record of no known kind");
  auto record = decode_clock_record(item.value);
  if (!record) return fail(record.error());
  return std::move(*record);
}

/// Takes the items of a backup in order, and says what does not fit.
class Check {
 public:
  explicit Check(std::string file) : file_(std::move(file)) {}

  Result<void> operator()(const BackedUpRecord& item) {
    auto record = decode(item);
    if (!record) return damaged(record.error().message);
    const bool consumer = std::holds_alternative<ConsumerItem>(*record);
    const bool producer = std::holds_alternative<ProducerItem>(*record);
    if ((consumer && ++consumers_ > limits::kConsumersMax) ||
        (producer && ++producers_ > limits::kBackupProducersMax))
      return damaged("more records than any log has");
    const auto* stream = std::get_if<StreamItem>(&*record);
    if (stream == nullptr) return {};
    const StreamRecord& of = stream->record;
    if (item.late || batches_begun_ || streams.contains(stream->name) ||
        streams.size() >= limits::kStreamsMax || of.oldest.value == 0 || of.next < of.oldest ||
        of.next > kSequenceMax)
      return damaged("a record of stream " + stream->name + " that cannot be");
    streams[stream->name] = {stream->record, stream->record.next, stream->record.next};
    return {};
  }
  Result<void> operator()(const BackedUpBatch& item) {
    const auto batch = BatchView::parse(item.bytes);
    if (!batch) return damaged(batch.error().message);
    const BatchHeader& header = batch->header();
    BackedUpStream* stream = follow(item.stream, header.first(), header.count);
    if (stream == nullptr || header.kind != BatchKind::kEvents ||
        header.origin.incarnation != stream->record.incarnation)
      return damaged("a batch of " + std::string(item.stream) + " that does not follow");
    ++stream->batches;
    stream->events += header.count;
    return {};
  }
  Result<void> operator()(const BackedUpGap& gap) {
    BackedUpStream* stream = follow(gap.stream, gap.first, gap.count);
    if (stream == nullptr || gap.reason.size() > limits::kControlBytesMax)
      return damaged("a gap of " + std::string(gap.stream) + " that does not follow");
    stream->lost += gap.count;
    return {};
  }

  BackedUpStreams streams;

 private:
  /// The stream, that far on; nullptr unless it goes on at `first`.
  BackedUpStream* follow(std::string_view name, Sequence first, std::uint64_t count) {
    batches_begun_ = true;
    const auto found = streams.find(std::string(name));
    if (found == streams.end() || first.value == 0 || count == 0 || first > kSequenceMax ||
        count > kSequenceMax.value)
      return nullptr;
    BackedUpStream& stream = found->second;
    if (stream.events == 0 && stream.lost == 0) stream.first = stream.next = first;
    if (stream.next != first) return nullptr;
    stream.next = first + count;
    return &stream;
  }
  tl::unexpected<Error> damaged(const std::string& what) const {
    return fail(ErrorCode::kCorruption, file_ + ": " + what);
  }

  std::string file_;
  bool batches_begun_ = false;
  std::size_t consumers_ = 0, producers_ = 0;
};

template <class Visit>
Result<void> for_each_item(const std::string& file, Visit&& visit) {
  auto reader = BackupReader::open(file);
  if (!reader) return fail(reader.error());
  while (true) {
    const auto item = reader->next();
    if (!item) return fail(item.error());
    if (!*item) return {};
    if (auto done = std::visit(visit, **item); !done) return done;
  }
}

/// Puts the items into a fresh log.
class Restore {
 public:
  /// Both outlive it.
  Restore(Log& log, const BackedUpStreams& streams) : out_(log), streams_(streams) {
    std::size_t index = 0;
    for (const auto& [name, stream] : streams) {
      indexes_[name] = StreamIndex{index};
      out_.start_at({index++}, stream.first);
    }
  }

  Result<void> operator()(const BackedUpRecord& item) {
    auto record = decode(item);
    if (!record) return fail(record.error());
    if (auto* producer = std::get_if<ProducerItem>(&*record)) {
      if (!indexes_.contains(producer->record.stream)) return {};
      if (item.late) {
        // Who it is now is what is wanted; its position is that of its batches that are here.
        ProducerRecord& late = producer->record;
        const auto known = producers_.find(producer->id);
        const bool fresh = known == producers_.end();
        late.position = fresh ? ProducerSequence{} : known->second.position;
        late.sequence = fresh ? Sequence{} : known->second.sequence;
        producers_[producer->id] = std::move(late);
      } else {
        producers_[producer->id] = std::move(producer->record);
      }
    } else if (const auto* consumer = std::get_if<ConsumerItem>(&*record)) {
      if (indexes_.contains(consumer->key.stream)) consumers_[consumer->key] = consumer->record;
    } else if (auto* clock = std::get_if<ClockRecord>(&*record)) {
      clock_ = std::move(*clock);
    }
    return {};
  }
  Result<void> operator()(const BackedUpBatch& item) {
    const auto batch = BatchView::parse(item.bytes);
    if (!batch) return fail(batch.error());
    out_.batch(indexes_.at(std::string(item.stream)), *batch);
    return {};
  }
  Result<void> operator()(const BackedUpGap& gap) {
    out_.gap(indexes_.at(std::string(gap.stream)), gap.count, std::string(gap.reason));
    return {};
  }

  Result<void> finish(Log& log) {
    for (const auto& [name, stream] : streams_)
      out_.descends_from(indexes_.at(name), stream.record);
    // Those of batches without a record had no name and said goodbye.
    static_cast<void>(out_.producers(std::move(producers_)));
    for (const auto& [key, record] : consumers_) out_.consumer(key, record);
    if (auto finished = out_.finish(); !finished) return finished;
    return clock_ ? log.put_clock(*clock_) : Result<void>();
  }

 private:
  Rewriting out_;
  const BackedUpStreams& streams_;
  std::map<std::string, StreamIndex> indexes_;
  std::map<ProducerId, ProducerRecord> producers_;
  std::map<ConsumerKey, ConsumerRecord> consumers_;
  std::optional<ClockRecord> clock_;
};

Result<Restoration> restore_into(const std::string& target, const std::string& file) {
  Restoration done;
  auto streams = check_backup(file);
  if (!streams) return fail(streams.error());
  done.streams = std::move(*streams);
  std::vector<std::string> names;
  for (const auto& [name, stream] : done.streams) names.push_back(name);
  auto log = Log::open({target, names, std::nullopt});
  if (!log) return fail(log.error());
  Restore restore(**log, done.streams);
  if (auto put = for_each_item(file, restore); !put) return fail(put.error());
  if (auto finished = restore.finish(**log); !finished) return fail(finished.error());
  for (std::size_t i = 0; i < names.size(); ++i)
    done.incarnations[names[i]] = (*log)->stream({i}).incarnation;
  return done;
}

}  // namespace

Result<BackedUpStreams> check_backup(const std::string& file) {
  Check check(file);
  if (auto read = for_each_item(file, check); !read) return fail(read.error());
  for (const auto& [name, stream] : check.streams) {
    if (stream.next < stream.record.next) {
      return fail(ErrorCode::kCorruption, file + ": stream " + name + " ends before " +
                                              std::to_string(stream.record.head().value));
    }
  }
  return std::move(check.streams);
}

Result<Restoration> restore_log(const std::string& dir, const std::string& file) {
  const std::string target = dir + "/restore", final = dir + "/data.mdb";
  if (fs::exists(final)) {
    return fail(ErrorCode::kBadInput,
                "there is a log in " + dir + ": move its data.mdb away before restoring");
  }
  std::error_code error;
  fs::remove_all(target, error);  // of a restore that was ended
  if (error) return fail(ErrorCode::kIo, "cannot remove " + target + ": " + error.message());
  auto done = restore_into(target, file);
  if (done && ::rename((target + "/data.mdb").c_str(), final.c_str()) != 0)
    done = fail_errno("cannot put " + final + " into its place", errno);
  fs::remove_all(target, error);
  if (!done) return done;
  fs::remove(dir + "/lock.mdb", error);
  if (auto synced = sync_folder(dir); !synced) return fail(synced.error());
  return done;
}

}  // namespace forebay
