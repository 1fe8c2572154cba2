// The log of a sidecar: its streams' batches with the records that belong to them, in one LMDB
// environment (docs/log-format.md).
//
// One thread writes (Log::begin … commit); any number read, each through its own Snapshot, which
// sees one moment. What commit() returned for is on disk. Every batch read is verified. The log
// knows no sockets and no chain rules.
//
//   auto log = Log::open({.dir = "state/inventory", .streams = {"inventory"}});
//   Log::Transaction transaction = (*log)->begin();
//   transaction.append(StreamIndex{0}, batch, now);       // batch: bytes, place filled in here
//   transaction.commit();
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/event/batch.h"
#include "common/store/environment.h"
#include "sidecar/log/file_space.h"
#include "sidecar/log/records.h"

struct MDB_txn;

namespace forebay {

/// A stream by its place in Log::Options::streams.
using StreamIndex = Number<struct StreamIndexTag, std::size_t>;

struct ConsumerKey {
  std::string stream;
  std::string consumer;
  friend auto operator<=>(const ConsumerKey&, const ConsumerKey&) = default;
};

class Log {
 public:
  struct Options {
    std::string dir;
    std::vector<std::string> streams;
    std::optional<std::uint64_t> bytes_max;  // of the file
  };

  /// Opens or creates the log, verifies each stream's last batch, and commits a fresh boot id, so
  /// that all it then serves is on disk. kVersion, kCorruption (says which stream), kFull or kIo.
  [[nodiscard]] static Result<std::unique_ptr<Log>> open(Options options);

  [[nodiscard]] const BootId& boot() const { return boot_; }
  [[nodiscard]] std::size_t stream_count() const { return options_.streams.size(); }
  [[nodiscard]] const std::string& stream_name(StreamIndex stream) const {
    return options_.streams[stream.value];
  }
  /// The committed state, for the writer's thread.
  [[nodiscard]] const StreamRecord& stream(StreamIndex stream) const {
    return records_[stream.value];
  }
  /// As committed, for the writer's thread; none: never put.
  [[nodiscard]] const std::optional<ClockRecord>& clock() const { return clock_; }
  /// In a transaction of its own, for the writer's thread.
  [[nodiscard]] Result<void> put_clock(const ClockRecord& record);
  /// Bytes of the file that a batch of so many may take.
  [[nodiscard]] static std::uint64_t space_of(std::size_t batch_bytes);
  /// Makes sure that a commit of batches fits that take `bytes` (the sum of space_of): kFull if not.
  /// For the writer's thread.
  [[nodiscard]] Result<void> ensure_space(std::uint64_t bytes);
  /// From any thread.
  [[nodiscard]] Result<Room> room() const;

  class Transaction;
  class Snapshot;
  [[nodiscard]] Transaction begin();
  [[nodiscard]] Snapshot snapshot() const;
  /// Where damaged pages end that begin at `after`: the sequence of the first batch behind them that
  /// can be read, or that a batch there holds; `end` if there is none before it.
  [[nodiscard]] Sequence first_readable(StreamIndex stream, Sequence after, Sequence end) const;

 private:
  friend class Transaction;
  friend class Snapshot;
  Log() = default;
  [[nodiscard]] Result<void> prepare();
  [[nodiscard]] std::uint64_t used_bytes() const;
  [[nodiscard]] std::uint64_t free_bytes() const;

  Options options_;
  Environment env_;
  std::optional<FileSpace> space_;
  BootId boot_;
  unsigned main_ = 0;                  // the records, and the names of the streams' databases
  std::vector<unsigned> batches_;      // by stream
  std::vector<StreamRecord> records_;  // by stream, as committed
  std::optional<ClockRecord> clock_;
  std::optional<Error> broken_;  // why a commit failed: what the disk has is not known any more
};

/// Ends without effect unless committed. After any kIo of its functions the process stops: what the
/// environment holds is known again only after it was reopened. After a commit that failed no other
/// succeeds.
class Log::Transaction {
 public:
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  /// The stream as this transaction leaves it so far.
  [[nodiscard]] const StreamRecord& stream(StreamIndex stream) const {
    return records_[stream.value];
  }
  /// Gives the batch (of kind events, or a gap record; sound, `batch` writable) its place at the
  /// head and puts it. `now` becomes its commit time unless the stream's last is later. Returns its
  /// header as stored.
  [[nodiscard]] Result<BatchHeader> append(StreamIndex stream, std::string_view bytes, char* batch,
                                           WallTime now);
  /// Of a stream that holds nothing: the sequence of what it gets next.
  void start_at(StreamIndex stream, Sequence next);
  void set_ancestors(StreamIndex stream, std::vector<StreamRecord::Ancestor> ancestors);
  /// How many batches it appended so far.
  [[nodiscard]] std::size_t appended() const { return appended_; }
  [[nodiscard]] Result<std::optional<ProducerRecord>> producer(ProducerId id) const;
  [[nodiscard]] Result<void> put_producer(ProducerId id, const ProducerRecord& record);
  [[nodiscard]] Result<void> erase_producer(ProducerId id);
  [[nodiscard]] Result<void> put_consumer(const ConsumerKey& key, const ConsumerRecord& record);
  [[nodiscard]] Result<bool> has_consumer(const ConsumerKey& key) const;
  [[nodiscard]] Result<void> erase_consumer(const ConsumerKey& key);
  /// Deletes up to `batches_max` whole batches from the oldest on while `expired(header)` says so;
  /// returns how many. Of a damaged batch, the header of the next sound one is asked about.
  [[nodiscard]] Result<std::size_t> trim(StreamIndex stream, std::size_t batches_max,
                                         const std::function<bool(const BatchHeader&)>& expired);
  /// Where a subscription begins that wants what was committed at or after `time`: the base
  /// sequence.
  [[nodiscard]] Result<Sequence> find_time(StreamIndex stream, WallTime time) const;
  /// Durable once this returned success.
  [[nodiscard]] Result<void> commit();

 private:
  friend class Log;
  explicit Transaction(Log& log);
  [[nodiscard]] Result<void> erase(const std::string& name, const char* what);
  Log* log_;
  MDB_txn* txn_;
  std::vector<StreamRecord> records_;
  std::vector<bool> changed_;
  std::size_t appended_ = 0;
};

/// One moment of the log. Keep it short: an open one keeps trimmed pages from reuse.
class Log::Snapshot {
 public:
  Snapshot(Snapshot&& other) noexcept;
  Snapshot& operator=(Snapshot&&) = delete;
  ~Snapshot();

  [[nodiscard]] Result<StreamRecord> stream(StreamIndex stream) const;

  /// A stored batch. The bytes live as long as the snapshot. If it is damaged, `damage` says how
  /// and only `first` and `next` (the sequences it occupies, from the keys around it) hold.
  struct Stored {
    Sequence first;
    Sequence next;
    std::string_view bytes;
    std::optional<BatchView> batch;
    std::string damage;
  };
  /// Calls `visit` for each batch held, from the one that holds `from` (or the first after it) on,
  /// until it returns false. `from` ≥ oldest. kCorruption where a damaged page ends it.
  [[nodiscard]] Result<void> scan(StreamIndex stream, Sequence from,
                                  const std::function<bool(const Stored&)>& visit) const;
  /// The base sequence of the first batch committed at or after `time`; next if there is none.
  [[nodiscard]] Result<Sequence> find_time(StreamIndex stream, WallTime time) const;

  /// Key and value of every record of streams, producers, consumers and the clock, as stored.
  [[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> records() const;
  [[nodiscard]] Result<std::vector<std::pair<ProducerId, ProducerRecord>>> producers() const;
  [[nodiscard]] Result<std::vector<std::pair<ConsumerKey, ConsumerRecord>>> consumers() const;

 private:
  friend class Log;
  explicit Snapshot(const Log& log);
  const Log* log_;
  MDB_txn* txn_;
};

}  // namespace forebay
