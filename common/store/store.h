// A node's own LMDB environment: one folder, some named tables of byte keys and byte values,
// ordered by key bytes.
//
// Full sync, always. Any error of a write makes the store failed for good: every further write and
// commit is refused, and the caller ends the process (an I/O error of LMDB is never retried). A
// tree that cannot be read aborts. A Store is opened by one process only
// (common/service/state_lock.h guards the folder). Reads run concurrently with the one writer and
// see one moment. This folder alone, outside sidecar/log, knows LMDB. What a
// table holds is its user's business: cursors.h for cursors, the handler for views.
//
//   auto store = Store::open(dir, {"stock", "item"});         // tables get indices in this order
//   ReadTransaction read = (*store)->read();
//   if (auto value = read.get(Table{0}, "sku-1/fc-2")) use(*value);
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/store/environment.h"

struct MDB_txn;

namespace forebay {

/// A table by its place in the list given to Store::open.
struct Table {
  std::size_t index;
  friend bool operator==(const Table&, const Table&) = default;
};

class Store;

/// A consistent view of all tables. Values stay valid until the transaction ends (or, in a write
/// transaction, until the next write). Not to be shared between threads. Keep it short: an open one
/// keeps freed pages from reuse.
class ReadTransaction {
 public:
  ReadTransaction(ReadTransaction&& other) noexcept;
  ReadTransaction& operator=(ReadTransaction&&) = delete;
  ~ReadTransaction();

  [[nodiscard]] std::optional<std::string_view> get(Table table, std::string_view key) const;
  /// Calls `visit(key, value)` for every entry whose key begins with `prefix`, in key order, until
  /// it returns false.
  void for_each(
      Table table, std::string_view prefix,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const;
  [[nodiscard]] std::size_t count(Table table) const;
  [[nodiscard]] const Store& store() const { return *store_; }

 protected:
  friend class Store;
  friend class TableCursor;
  ReadTransaction(const Store& store, MDB_txn* transaction) : store_(&store), txn_(transaction) {}

  const Store* store_;
  MDB_txn* txn_;
};

/// The one writer. Ends without effect unless committed. Errors are kIo and make the store failed;
/// only a key out of bounds is kBadInput and changes nothing.
class WriteTransaction final : public ReadTransaction {
 public:
  /// Keys: 1 to 511 bytes.
  [[nodiscard]] Result<void> put(Table table, std::string_view key, std::string_view value);
  /// Erasing what is not there is no error.
  [[nodiscard]] Result<void> erase(Table table, std::string_view key);
  /// Durable once this returned success.
  [[nodiscard]] Result<void> commit();

 private:
  friend class Store;
  using ReadTransaction::ReadTransaction;
  [[nodiscard]] Result<void> check_open() const;
};

class Store {
 public:
  /// Opens or creates the environment in `dir` (mode 0700; its parent must exist) and the named
  /// tables (at most 120, not
  /// `_boot` or `_meta`). Commits a fresh transaction before it returns, so that everything
  /// readable from then on is on disk. kVersion for a folder of another format, which is left as it
  /// is.
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(const std::string& dir,
                                                           std::vector<std::string> tables);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  [[nodiscard]] ReadTransaction read() const;
  /// Blocks while another write transaction is open.
  [[nodiscard]] WriteTransaction write();
  /// Whether a write has failed; never goes back to false.
  [[nodiscard]] bool failed() const { return failed_.load(std::memory_order_relaxed); }
  /// Another one at each opening of any store.
  [[nodiscard]] const BootId& boot_id() const { return boot_id_; }
  /// Bytes of the file that hold data (pages in use, freed ones included).
  [[nodiscard]] std::size_t used_bytes() const;

 private:
  friend class ReadTransaction;
  friend class WriteTransaction;
  friend class TableCursor;
  Store() = default;
  /// Makes the store failed; the error to hand on.
  [[nodiscard]] Error fail_write(const char* what, int code) const;

  std::string dir_;
  BootId boot_id_ = BootId::random();
  Environment env_;
  mutable std::atomic<bool> failed_{false};
  std::vector<unsigned> databases_;  // by Table::index
};

}  // namespace forebay
