#include "sidecar/log/entries.h"

#include <algorithm>

#include "common/base/bytes.h"
#include "common/store/environment.h"
#include "sidecar/log/layout.h"

namespace forebay {

MDB_val integer_key(const std::uint64_t& key) {
  return {sizeof key, const_cast<std::uint64_t*>(&key)};
}
std::uint64_t from_integer_key(const MDB_val& key) {
  return load_le<std::uint64_t>(static_cast<const char*>(key.mv_data));
}

Cursor::Cursor(MDB_txn* txn, unsigned database) {
  FOREBAY_INVARIANT(mdb_cursor_open(txn, database, &raw_) == 0);
}

tl::unexpected<Error> fail_read(int code) {
  auto failed = fail_lmdb("cannot read the log", code);
  if (code == MDB_PAGE_NOTFOUND || code == MDB_CORRUPTED)
    failed.value().code = ErrorCode::kCorruption;
  return failed;
}

Result<std::optional<RawBatch>> seek(Cursor& cursor, std::uint64_t sequence) {
  MDB_val key = integer_key(sequence), value;
  int code = cursor.get(key, value, MDB_SET_RANGE);
  if (code == 0 && from_integer_key(key) == sequence) return RawBatch{sequence, to_view(value)};
  const bool after = code == 0;
  const RawBatch later = after ? RawBatch{from_integer_key(key), to_view(value)} : RawBatch{};
  if (code == 0 || code == MDB_NOTFOUND) code = cursor.get(key, value, after ? MDB_PREV : MDB_LAST);
  if (code == 0) return RawBatch{from_integer_key(key), to_view(value)};
  if (code != MDB_NOTFOUND) return fail_read(code);
  if (after) return later;
  return std::nullopt;
}

int get(MDB_txn* txn, unsigned database, std::string_view name, MDB_val& value) {
  MDB_val key = to_val(name);
  return mdb_get(txn, database, &key, &value);
}
int put(MDB_txn* txn, unsigned database, std::string_view name, std::string_view bytes) {
  MDB_val key = to_val(name), value = to_val(bytes);
  return mdb_put(txn, database, &key, &value, 0);
}

Result<StreamRecord> read_stream(MDB_txn* txn, unsigned records, const std::string& name) {
  MDB_val value;
  const int code = get(txn, records, log_layout::stream_key(name), value);
  if (code != 0) return fail_lmdb("cannot read the record of stream " + name, code);
  auto record = decode_stream_record(to_view(value));
  if (!record) return fail(record.error().in("stream " + name));
  return record;
}

Result<void> for_each(
    MDB_txn* txn, unsigned records, std::string_view prefix,
    const std::function<Result<void>(std::string_view, std::string_view)>& visit) {
  Cursor cursor(txn, records);
  MDB_val key = to_val(prefix), value;
  for (int code = cursor.get(key, value, MDB_SET_RANGE); code != MDB_NOTFOUND;
       code = cursor.get(key, value, MDB_NEXT)) {
    if (code != 0) return fail_lmdb("cannot read the log's records", code);
    if (!to_view(key).starts_with(prefix)) break;
    if (auto visited = visit(to_view(key).substr(prefix.size()), to_view(value)); !visited)
      return visited;
  }
  return {};
}

Result<std::optional<BatchHeader>> next_sound(Cursor& cursor, RawBatch raw, std::uint64_t end) {
  while (raw.first < end) {
    const auto header = parse_batch_header(raw.bytes);
    if (header && header->first().value == raw.first) return std::optional(*header);
    MDB_val key, value;
    const int code = cursor.get(key, value, MDB_NEXT);
    if (code == MDB_NOTFOUND) break;
    if (code != 0) return fail_read(code);
    raw = RawBatch{from_integer_key(key), to_view(value)};
  }
  return std::nullopt;
}

Result<Sequence> find_time_in(MDB_txn* txn, unsigned batches, const StreamRecord& stream,
                              WallTime time) {
  Cursor cursor(txn, batches);
  std::uint64_t low = stream.oldest.value;  // all before `low` are earlier than `time`
  std::uint64_t high = stream.next.value;   // the batch at `high` is not
  while (low < high) {
    const auto raw = seek(cursor, low + (high - low) / 2);
    if (!raw) return fail(raw.error());
    if (!*raw) break;
    const auto header = next_sound(cursor, **raw, high);
    if (!header) return fail(header.error());
    if (!*header || (*header)->place.commit_time >= time) {
      high = (*raw)->first;
    } else {
      low = (*header)->next().value;
    }
  }
  return Sequence{std::max(low, high)};
}

}  // namespace forebay
