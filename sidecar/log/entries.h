// What the log does with LMDB's entries: typed keys, a cursor that closes itself, and walking a
// stream's batches. For the log alone.
#pragma once

#include <lmdb.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/event/batch.h"
#include "common/store/lmdb_value.h"
#include "sidecar/log/records.h"

namespace forebay {

MDB_val integer_key(const std::uint64_t& key);
std::uint64_t from_integer_key(const MDB_val& key);

class Cursor {
 public:
  Cursor(MDB_txn* txn, unsigned database);
  ~Cursor() { mdb_cursor_close(raw_); }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  int get(MDB_val& key, MDB_val& value, MDB_cursor_op op) {
    return mdb_cursor_get(raw_, &key, &value, op);
  }
  int erase() { return mdb_cursor_del(raw_, 0); }

 private:
  MDB_cursor* raw_ = nullptr;
};

// With text keys; LMDB's code.
int get(MDB_txn* txn, unsigned database, std::string_view key, MDB_val& value);
int put(MDB_txn* txn, unsigned database, std::string_view key, std::string_view bytes);

[[nodiscard]] Result<StreamRecord> read_stream(MDB_txn* txn, unsigned database,
                                               const std::string& name);

/// Calls `visit` with what follows the prefix and the value, for each entry whose key has it.
[[nodiscard]] Result<void> for_each(
    MDB_txn* txn, unsigned database, std::string_view prefix,
    const std::function<Result<void>(std::string_view, std::string_view)>& visit);

struct RawBatch {
  std::uint64_t first = 0;
  std::string_view bytes;
};

/// kCorruption where a page is damaged, else kIo.
[[nodiscard]] tl::unexpected<Error> fail_read(int code);

/// The batch with the greatest key ≤ `sequence`, else the first one after it; nullopt if there is
/// none.
[[nodiscard]] Result<std::optional<RawBatch>> seek(Cursor& cursor, std::uint64_t sequence);

/// The header of the first sound batch at or after the cursor's place `raw`, before `end`.
[[nodiscard]] Result<std::optional<BatchHeader>> next_sound(Cursor& cursor, RawBatch raw,
                                                            std::uint64_t end);

/// Bisects by sequence: commit times are monotone in a stream. A damaged batch counts as committed
/// with the next sound one, so that whoever starts there is told of the damage.
[[nodiscard]] Result<Sequence> find_time_in(MDB_txn* txn, unsigned batches,
                                            const StreamRecord& stream, WallTime time);

}  // namespace forebay
