// A place in one table that moves in key order: for a caller who reads entries that lie beside each
// other, where a search from the root for each would cost many times the reading.
//
//   TableCursor cursor(read, Table{0});
//   for (bool there = cursor.seek("sku-1/"); there && cursor.key().starts_with("sku-1/");
//        there = cursor.next()) use(cursor.key(), cursor.value());
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "common/store/store.h"

struct MDB_cursor;

namespace forebay {

class TableCursor {
 public:
  /// `transaction` outlives the cursor. Costs nothing before the first seek.
  TableCursor(const ReadTransaction& transaction, Table table)
      : transaction_(transaction), table_(table) {}

  /// To the first entry whose key is `key` or comes after it. False: there is none.
  bool seek(std::string_view key);
  /// The same, and cheap if that is where the cursor stands, or the entry after; as long as nothing
  /// was written since the last move.
  bool seek_near(std::string_view key);
  /// To the next entry; the cursor stands at one. False: there is none.
  bool next();

  /// Where the cursor stands, which the last move said is an entry. As long-lived as what
  /// ReadTransaction::get gives.
  [[nodiscard]] std::string_view key() const { return key_; }
  [[nodiscard]] std::string_view value() const { return value_; }

 private:
  struct Close {
    void operator()(MDB_cursor* cursor) const;
  };
  bool move(std::string_view key, int operation);

  const ReadTransaction& transaction_;
  Table table_;
  std::unique_ptr<MDB_cursor, Close> cursor_;
  bool there_ = false;  // at an entry, which is key_ and value_
  std::string_view key_, value_;
  std::optional<std::string_view> before_;  // the key before it, if the last move came from there
};

}  // namespace forebay
