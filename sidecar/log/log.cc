#include "sidecar/log/log.h"

#include <lmdb.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/bytes.h"
#include "common/base/limits.h"
#include "common/base/planted.h"
#include "common/event/batch_layout.h"
#include "sidecar/log/entries.h"
#include "sidecar/log/layout.h"
#include "sidecar/log/log_at_rest.h"
#include "sidecar/log/page_file.h"

namespace forebay {
namespace {

using namespace log_layout;

/// LMDB trusts what it reads. Of its two first pages it takes the one that names the later commit:
/// if that one is damaged, the log goes back by a commit without a word. A record that a damaged
/// page no longer leads to is as if it had never been there, and a stream without one begins anew.
/// An old copy of a page of records leads to pages that are free by now. A page that is taken for
/// free and is not is written over. So what is small is looked at first.
Result<void> check_structure(const std::string& dir) {
  const std::string path = dir + "/data.mdb";
  if (::access(path.c_str(), F_OK) != 0) return {};
  const auto file = PageFile::open(path);
  if (!file) return fail(file.error());
  if (file->file_bytes() == 0) {
    return fail(ErrorCode::kCorruption,
                "its file is empty, and was whole when it was made: move it away and `forebay "
                "restore` a backup");
  }
  if (file->is_fresh()) return {};
  auto log = LogAtRest::open(dir);
  if (!log) return fail(log.error());
  log->read_ends();
  log->read_free_list();
  const bool walked = log->walk().damaged() == 0;
  const bool foreign = walked && file->metas_agree() && !log->has_format();  // told by its format
  if (foreign || (walked && log->problems.empty())) return {};
  // A page that cannot be read is why other things are missing.
  return fail(ErrorCode::kCorruption,
              (walked ? log->problems.front() : log->walk().damage().front()) +
                  ": `forebay verify --repair` keeps what is sound");
}

}  // namespace

Result<std::unique_ptr<Log>> Log::open(Options options) {
  FOREBAY_INVARIANT(options.streams.size() <= limits::kStreamsMax);
  const std::string dir = options.dir;
  if (auto sound = check_structure(dir); !sound) return fail(sound.error().in("log " + dir));
  auto env =
      open_environment(dir, limits::kLogMapBytes, static_cast<unsigned>(limits::kStreamsMax));
  if (!env) return fail(env.error().in("log"));
  std::unique_ptr<Log> log(new Log);
  log->options_ = std::move(options);
  log->env_ = std::move(*env);
  int descriptor = -1;
  mdb_env_get_fd(log->env_.get(), &descriptor);
  log->space_.emplace(descriptor, log->options_.bytes_max);
  // A full disk does not keep a log from being opened: the reserve holds what that takes.
  const auto space = log->ensure_space(0);
  if (!space && space.error().code != ErrorCode::kFull) return fail(space.error().in("log " + dir));
  if (auto prepared = log->prepare(); !prepared) return fail(prepared.error().in("log " + dir));
  return log;
}

/// Opens the databases, verifies what is there, adds new streams and puts the boot id, in one
/// transaction.
Result<void> Log::prepare() {
  MDB_txn* txn = nullptr;
  int code = mdb_txn_begin(env_.get(), nullptr, 0, &txn);
  if (code != 0) return fail_lmdb("cannot begin", code);
  struct Abort {
    MDB_txn*& txn;
    ~Abort() {
      if (txn != nullptr) mdb_txn_abort(txn);
    }
  } abort{txn};

  code = mdb_dbi_open(txn, nullptr, 0, &main_);
  MDB_stat contents{};
  if (code == 0) code = mdb_stat(txn, main_, &contents);
  if (code != 0) return fail_lmdb("cannot open the database", code);

  MDB_val key, value;
  std::string format;
  append_le(format, kFormat);
  code = get(txn, main_, kFormatKey, value);
  if (code == MDB_NOTFOUND && contents.ms_entries == 0) {
    code = put(txn, main_, kFormatKey, format);
  } else if (code == MDB_NOTFOUND || (code == 0 && to_view(value) != format)) {
    return fail(ErrorCode::kVersion,
                "its format is not " + std::to_string(kFormat) +
                    ", which is what this build reads: start the build that wrote it");
  }
  if (code != 0) return fail_lmdb("cannot read the format", code);

  for (const std::string& name : options_.streams) {
    MDB_dbi batches = 0;
    code = mdb_dbi_open(txn, batches_key(name).c_str(), MDB_CREATE | MDB_INTEGERKEY, &batches);
    if (code != 0) return fail_lmdb("cannot open stream " + name, code);
    batches_.push_back(batches);
    const std::string record_key = stream_key(name);
    code = get(txn, main_, record_key, value);
    if (code == MDB_NOTFOUND) {
      StreamRecord record;
      record.incarnation = Incarnation::random();
      code = put(txn, main_, record_key, encode_record(record));
      if (code == 0) records_.push_back(record);
    } else if (code == 0) {
      auto record = decode_stream_record(to_view(value));
      if (!record) return fail(record.error().in("stream " + name));
      records_.push_back(*record);
    }
    if (code != 0) return fail_lmdb("cannot read stream " + name, code);

    const StreamRecord& record = records_.back();
    Cursor cursor(txn, batches);
    code = cursor.get(key, value, MDB_LAST);
    if (code != 0 && code != MDB_NOTFOUND) return fail_lmdb("cannot read stream " + name, code);
    if (planted::has(planted::Bug::kNextFromTrimmedLog) && code == MDB_NOTFOUND)
      records_.back().oldest = records_.back().next = Sequence{1};
    const bool sound = [&] {
      if (code == MDB_NOTFOUND) return record.oldest == record.next;
      const auto last = BatchView::parse(to_view(value));
      return last && last->header().checksum == record.last_checksum &&
             last->header().next() == record.next &&
             last->header().origin.incarnation == record.incarnation;
    }();
    if (!sound) {
      return fail(ErrorCode::kCorruption,
                  "stream " + name +
                      ": its last batch is not the one that was committed last: `forebay verify "
                      "--repair` keeps what is sound");
    }
  }

  std::size_t count = 0;  // with those that are not in the topology any more, which are kept
  const auto counted = for_each(txn, main_, kStreamPrefix, [&](auto, auto) -> Result<void> {
    if (++count <= limits::kStreamsMax) return {};
    return fail(ErrorCode::kBadInput,
                "it holds " + std::to_string(limits::kStreamsMax) +
                    " streams at most, with those that the topology no longer has: give new ones "
                    "to another sidecar");
  });
  if (!counted) return fail(counted.error());

  code = get(txn, main_, kClockKey, value);
  if (code == 0) {
    auto record = decode_clock_record(to_view(value));
    if (!record) return fail(record.error().in("clock"));
    clock_ = std::move(*record);
  } else if (code != MDB_NOTFOUND) {
    return fail_lmdb("cannot read the clock record", code);
  }

  boot_ = BootId::random();
  code = planted::has(planted::Bug::kNoFreshCommitAfterOpening)
             ? 0
             : put(txn, main_, kBootKey, boot_.view());
  if (code != 0) return fail_lmdb("cannot put the boot id", code);
  MDB_txn* committing = std::exchange(txn, nullptr);
  code = mdb_txn_commit(committing);
  if (code != 0) return fail_lmdb("cannot commit the boot id", code);
  return {};
}

std::uint64_t Log::space_of(std::size_t batch_bytes) {
  // Of a shared page a batch that another does not fit beside takes all: at most twice its own.
  if (batch_bytes < kPageBytes / 2) return 2 * batch_bytes;
  const std::uint64_t pages = (batch_bytes + kPageHeaderBytes + kPageBytes - 1) / kPageBytes;
  return pages * kPageBytes;
}

Result<void> Log::ensure_space(std::uint64_t bytes) {
  return space_->ensure(bytes + limits::kCommitOverheadBytes, used_bytes(),
                        [this] { return free_bytes(); });
}

Result<Room> Log::room() const { return space_->room(used_bytes(), free_bytes()); }

std::uint64_t Log::used_bytes() const {
  MDB_envinfo info{};
  mdb_env_info(env_.get(), &info);
  return (info.me_last_pgno + 1) * kPageBytes;
}

std::uint64_t Log::free_bytes() const {
  constexpr MDB_dbi kFreeList = 0;  // LMDB's own: transaction → count and page numbers
  const Snapshot snapshot(*this);
  Cursor cursor(snapshot.txn_, kFreeList);
  MDB_val key, value;
  std::uint64_t pages = 0;
  for (int code = cursor.get(key, value, MDB_FIRST); code == 0;
       code = cursor.get(key, value, MDB_NEXT)) {
    pages += load_le<std::uint64_t>(static_cast<const char*>(value.mv_data));
  }
  return pages * kPageBytes;
}

Result<void> Log::put_clock(const ClockRecord& record) {
  MDB_txn* txn = nullptr;
  int code = mdb_txn_begin(env_.get(), nullptr, 0, &txn);
  if (code != 0) return fail_lmdb("cannot begin", code);
  code = put(txn, main_, kClockKey, encode_record(record));
  if (code != 0) {
    mdb_txn_abort(txn);
    return fail_lmdb("cannot put the clock record", code);
  }
  code = mdb_txn_commit(txn);
  if (code != 0) return fail_lmdb("cannot commit the clock record", code);
  clock_ = record;
  return {};
}

Log::Transaction Log::begin() { return Transaction(*this); }
Log::Snapshot Log::snapshot() const { return Snapshot(*this); }

// Transaction

Log::Transaction::Transaction(Log& log)
    : log_(&log), txn_(nullptr), records_(log.records_), changed_(log.records_.size(), false) {
  const int code = mdb_txn_begin(log.env_.get(), nullptr, 0, &txn_);
  end_if_environment_is_dead("log " + log.options_.dir + ": cannot begin to write", code);
  FOREBAY_INVARIANT(code == 0);
}

Log::Transaction::Transaction(Transaction&& other) noexcept
    : log_(other.log_),
      txn_(std::exchange(other.txn_, nullptr)),
      records_(std::move(other.records_)),
      changed_(std::move(other.changed_)),
      appended_(other.appended_) {}

Log::Transaction::~Transaction() {
  if (txn_ != nullptr) mdb_txn_abort(txn_);
}

Result<BatchHeader> Log::Transaction::append(StreamIndex stream, std::string_view bytes,
                                             char* batch, WallTime now) {
  StreamRecord& record = records_[stream.value];
  const BatchPlace place{record.next, std::max(now, record.last_commit_time), record.last_checksum};
  record.last_checksum = set_batch_place(batch, place);
  record.last_commit_time = place.commit_time;
  const auto header = parse_batch_header(bytes);
  FOREBAY_INVARIANT(header.has_value());
  record.next = header->next();
  record.bytes += bytes.size();
  if (header->kind == BatchKind::kGap) record.lost += header->count;
  changed_[stream.value] = true;
  ++appended_;
  MDB_val key = integer_key(place.base.value), value = to_val(bytes);
  const int code = mdb_put(txn_, log_->batches_[stream.value], &key, &value, MDB_APPEND);
  if (code != 0) return fail_lmdb("cannot append to stream " + log_->stream_name(stream), code);
  return *header;
}

void Log::Transaction::start_at(StreamIndex stream, Sequence next) {
  StreamRecord& record = records_[stream.value];
  FOREBAY_INVARIANT(record.oldest == record.next);
  record.oldest = record.next = next;
  changed_[stream.value] = true;
}

void Log::Transaction::set_ancestors(StreamIndex stream,
                                     std::vector<StreamRecord::Ancestor> ancestors) {
  FOREBAY_INVARIANT(ancestors.size() <= limits::kAncestorsMax);
  records_[stream.value].ancestors = std::move(ancestors);
  changed_[stream.value] = true;
}

Result<std::optional<ProducerRecord>> Log::Transaction::producer(ProducerId id) const {
  MDB_val value;
  const int code = get(txn_, log_->main_, producer_key(id), value);
  if (code == MDB_NOTFOUND) return std::nullopt;
  if (code != 0) return fail_lmdb("cannot read a producer", code);
  auto record = decode_producer_record(to_view(value));
  if (!record) return fail(record.error().in("producer " + std::to_string(id.value)));
  return std::optional(std::move(*record));
}

Result<void> Log::Transaction::put_producer(ProducerId id, const ProducerRecord& record) {
  const int code = put(txn_, log_->main_, producer_key(id), encode_record(record));
  if (code != 0) return fail_lmdb("cannot put a producer", code);
  return {};
}

Result<void> Log::Transaction::erase(const std::string& name, const char* what) {
  MDB_val key = to_val(name);
  const int code = mdb_del(txn_, log_->main_, &key, nullptr);
  if (code != 0 && code != MDB_NOTFOUND)
    return fail_lmdb(std::string("cannot erase a ") + what, code);
  return {};
}

Result<void> Log::Transaction::erase_producer(ProducerId id) {
  return erase(producer_key(id), "producer");
}

Result<void> Log::Transaction::erase_consumer(const ConsumerKey& key) {
  return erase(consumer_key(key.stream, key.consumer), "consumer");
}

Result<bool> Log::Transaction::has_consumer(const ConsumerKey& key) const {
  MDB_val value;
  const int code = get(txn_, log_->main_, consumer_key(key.stream, key.consumer), value);
  if (code != 0 && code != MDB_NOTFOUND) return fail_lmdb("cannot read a consumer", code);
  return code == 0;
}

Result<void> Log::Transaction::put_consumer(const ConsumerKey& key, const ConsumerRecord& record) {
  const int code =
      put(txn_, log_->main_, consumer_key(key.stream, key.consumer), encode_record(record));
  if (code != 0) return fail_lmdb("cannot put a consumer", code);
  return {};
}

Result<std::size_t> Log::Transaction::trim(StreamIndex stream, std::size_t batches_max,
                                           const std::function<bool(const BatchHeader&)>& expired) {
  StreamRecord& record = records_[stream.value];
  Cursor cursor(txn_, log_->batches_[stream.value]);
  std::size_t trimmed = 0;
  MDB_val key, value;
  while (trimmed < batches_max) {
    int code = cursor.get(key, value, MDB_FIRST);
    if (code == MDB_NOTFOUND) break;
    if (code != 0) return fail_read(code);
    const RawBatch raw{from_integer_key(key), to_view(value)};
    const std::uint64_t bytes = value.mv_size;
    // A damaged batch goes with the next sound one; only the keys tell what it occupies.
    const auto header = next_sound(cursor, raw, record.next.value);
    if (!header) return fail(header.error());
    if (!*header || !expired(**header)) break;
    const bool damaged = (*header)->first().value != raw.first;
    code = cursor.get(key, value, MDB_FIRST);
    if (code == 0 && damaged) code = cursor.get(key, value, MDB_NEXT);
    if (code != 0) return fail_read(code);
    record.oldest = damaged ? Sequence{from_integer_key(key)} : (*header)->next();
    if (damaged) code = cursor.get(key, value, MDB_FIRST);
    if (code != 0) return fail_read(code);
    record.bytes -= std::min<std::uint64_t>(record.bytes, bytes);
    if (!damaged && (*header)->kind == BatchKind::kGap)
      record.lost -= std::min(record.lost, (*header)->count);
    changed_[stream.value] = true;
    code = cursor.erase();
    if (code != 0) return fail_read(code);
    ++trimmed;
  }
  return trimmed;
}

Result<Sequence> Log::Transaction::find_time(StreamIndex stream, WallTime time) const {
  return find_time_in(txn_, log_->batches_[stream.value], records_[stream.value], time);
}

Result<void> Log::Transaction::commit() {
  if (log_->broken_) return fail(*log_->broken_);
  for (std::size_t i = 0; i < records_.size(); ++i) {
    if (!changed_[i]) continue;
    const int code =
        put(txn_, log_->main_, stream_key(log_->options_.streams[i]), encode_record(records_[i]));
    if (code != 0) return fail_lmdb("cannot put the record of a stream", code);
  }
  MDB_txn* committing = std::exchange(txn_, nullptr);
  const int code = mdb_txn_commit(committing);
  if (code != 0) {
    auto failed = fail_lmdb("cannot commit", code);
    log_->broken_ = failed.value();
    return failed;
  }
  log_->records_ = std::move(records_);
  return {};
}

}  // namespace forebay
