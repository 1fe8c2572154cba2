#include "common/store/table_cursor.h"

#include <lmdb.h>

#include "common/store/lmdb_value.h"

namespace forebay {

void TableCursor::Close::operator()(MDB_cursor* cursor) const { mdb_cursor_close(cursor); }

bool TableCursor::seek(std::string_view key) {
  before_.reset();
  return move(key, key.empty() ? MDB_FIRST : MDB_SET_RANGE);
}

bool TableCursor::seek_near(std::string_view key) {
  if (!there_) return seek(key);
  if (key_ < key && !next()) return false;
  const bool first_from_key = key_ == key || (key < key_ && before_ && *before_ < key);
  return first_from_key || seek(key);
}

bool TableCursor::next() {
  before_ = key_;
  return move({}, MDB_NEXT);
}

bool TableCursor::move(std::string_view key, int operation) {
  there_ = false;
  if (transaction_.txn_ == nullptr) return false;
  int code = 0;
  if (cursor_ == nullptr) {
    MDB_cursor* cursor = nullptr;
    code =
        mdb_cursor_open(transaction_.txn_, transaction_.store_->databases_[table_.index], &cursor);
    cursor_.reset(cursor);
  }
  MDB_val found = to_val(key), value{};
  if (code == 0) {
    code = mdb_cursor_get(cursor_.get(), &found, &value, static_cast<MDB_cursor_op>(operation));
  }
  FOREBAY_INVARIANT(code == 0 || code == MDB_NOTFOUND || transaction_.store_->failed());
  if (code != 0) return false;
  key_ = to_view(found);
  value_ = to_view(value);
  return there_ = true;
}

}  // namespace forebay
