#include "common/store/store.h"

#include <lmdb.h>

#include <algorithm>
#include <cstring>

#include "common/base/bytes.h"
#include "common/base/limits.h"
#include "common/store/lmdb_value.h"
#include "common/store/table_cursor.h"

namespace forebay {
namespace {

constexpr std::string_view kFormatKey = "format";
constexpr std::uint32_t kFormat = 2;
constexpr const char* kMetaTable = "_meta";
constexpr const char* kBootTable = "_boot";

tl::unexpected<Error> fail_open(const std::string& dir, const char* what, int code) {
  return fail(ErrorCode::kIo, "store " + dir + ": " + what + ": " + mdb_strerror(code));
}

/// Checks the format of what is there; writes it where nothing is.
Result<void> check_format(const std::string& dir, MDB_txn* txn) {
  MDB_dbi root = 0, meta = 0;
  MDB_stat stat{};
  int code = mdb_dbi_open(txn, nullptr, 0, &root);
  if (code == 0) code = mdb_stat(txn, root, &stat);
  if (code != 0) return fail_open(dir, "cannot read the root", code);
  const bool fresh = stat.ms_entries == 0;
  code = mdb_dbi_open(txn, kMetaTable, fresh ? MDB_CREATE : 0, &meta);
  if (code == MDB_NOTFOUND || code == MDB_INCOMPATIBLE) {
    return fail(
        ErrorCode::kVersion,
        "store " + dir + ": an LMDB environment, but not a Forebay store: name another folder");
  }
  if (code != 0) return fail_open(dir, "cannot open _meta", code);
  MDB_val key = to_val(kFormatKey), value;
  if (fresh) {
    std::string format;
    append_le(format, kFormat);
    value = to_val(format);
    code = mdb_put(txn, meta, &key, &value, 0);
    if (code != 0) return fail_open(dir, "cannot write the format", code);
    return {};
  }
  code = mdb_get(txn, meta, &key, &value);
  if (code != 0 && code != MDB_NOTFOUND) return fail_open(dir, "cannot read the format", code);
  const std::string_view found = code == 0 ? to_view(value) : std::string_view{};
  if (found.size() == sizeof kFormat && load_le<std::uint32_t>(found.data()) == kFormat) return {};
  const std::string name = found.size() == sizeof kFormat
                               ? std::to_string(load_le<std::uint32_t>(found.data()))
                               : "unknown";
  return fail(ErrorCode::kVersion, "store " + dir + ": its format is " + name +
                                       ", this build speaks " + std::to_string(kFormat) +
                                       ": start the build that wrote it, or rebuild the view in "
                                       "an empty folder");
}

Result<void> open_tables(const std::string& dir, MDB_txn* txn,
                         const std::vector<std::string>& tables, std::vector<unsigned>& databases) {
  for (const std::string& table : tables) {
    MDB_dbi database = 0;
    const int code = mdb_dbi_open(txn, table.c_str(), MDB_CREATE, &database);
    if (code != 0) return fail_open(dir, ("cannot open table " + table).c_str(), code);
    databases.push_back(database);
  }
  return {};
}

/// What an earlier process left may so far be only in the page cache; a commit that really writes
/// makes all of it durable.
Result<void> put_boot_id(const std::string& dir, MDB_txn* txn, const BootId& id) {
  MDB_dbi boot = 0;
  int code = mdb_dbi_open(txn, kBootTable, MDB_CREATE, &boot);
  MDB_val key = to_val("id"), value = to_val(id.view());
  if (code == 0) code = mdb_put(txn, boot, &key, &value, 0);
  if (code != 0) return fail_open(dir, "cannot put the boot id", code);
  return {};
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::string& dir,
                                           std::vector<std::string> tables) {
  FOREBAY_INVARIANT(tables.size() <= limits::kStoreTablesMax);
  FOREBAY_INVARIANT(std::none_of(tables.begin(), tables.end(), [](const std::string& table) {
    return table.empty() || table == kMetaTable || table == kBootTable;
  }));
  auto opened = open_environment(dir, limits::kStoreMapBytes, limits::kStoreTablesMax + 2);
  if (!opened) return fail(opened.error().in("store"));
  std::unique_ptr<Store> store(new Store);
  store->dir_ = dir;
  store->env_ = std::move(*opened);
  MDB_txn* txn = nullptr;
  int code = mdb_txn_begin(store->env_.get(), nullptr, 0, &txn);
  if (code != 0) return fail_open(dir, "cannot begin the first transaction", code);
  Result<void> ready = check_format(dir, txn);
  if (ready) ready = open_tables(dir, txn, tables, store->databases_);
  if (ready) ready = put_boot_id(dir, txn, store->boot_id_);
  if (!ready) {
    mdb_txn_abort(txn);
    return fail(ready.error());
  }
  code = mdb_txn_commit(txn);
  if (code != 0) return fail_open(dir, "cannot commit the boot id", code);
  return store;
}

Store::~Store() = default;

ReadTransaction Store::read() const {
  MDB_txn* txn = nullptr;
  const int code = mdb_txn_begin(env_.get(), nullptr, MDB_RDONLY, &txn);
  end_if_environment_is_dead("store " + dir_ + ": cannot begin to read", code);
  // Else fails only for more readers than kStoreReadersMax, or for want of memory.
  FOREBAY_INVARIANT(code == 0);
  return ReadTransaction(*this, txn);
}

WriteTransaction Store::write() {
  MDB_txn* txn = nullptr;
  if (!failed()) {
    const int code = mdb_txn_begin(env_.get(), nullptr, 0, &txn);
    if (code != 0) {
      txn = nullptr;  // every use of the transaction reports it
      static_cast<void>(fail_write("begin", code));
    }
  }
  return WriteTransaction(*this, txn);
}

std::size_t Store::used_bytes() const {
  MDB_envinfo info{};
  MDB_stat stat{};
  FOREBAY_INVARIANT(mdb_env_info(env_.get(), &info) == 0 && mdb_env_stat(env_.get(), &stat) == 0);
  return (info.me_last_pgno + 1) * stat.ms_psize;
}

Error Store::fail_write(const char* what, int code) const {
  failed_.store(true, std::memory_order_relaxed);
  return Error{ErrorCode::kIo, "store " + dir_ + ": " + what + ": " + mdb_strerror(code) +
                                   "; the process has to end, reopen and verify"};
}

ReadTransaction::ReadTransaction(ReadTransaction&& other) noexcept
    : store_(other.store_), txn_(std::exchange(other.txn_, nullptr)) {}

ReadTransaction::~ReadTransaction() {
  if (txn_ != nullptr) mdb_txn_abort(txn_);
}

std::optional<std::string_view> ReadTransaction::get(Table table, std::string_view key) const {
  if (txn_ == nullptr) return std::nullopt;
  MDB_val wanted = to_val(key), value;
  const int code = mdb_get(txn_, store_->databases_[table.index], &wanted, &value);
  if (code == 0) return to_view(value);
  // A transaction whose write failed cannot be read either; its commit is refused, so nothing comes
  // of the answer.
  FOREBAY_INVARIANT(code == MDB_NOTFOUND || code == MDB_BAD_VALSIZE || store_->failed());
  return std::nullopt;
}

void ReadTransaction::for_each(
    Table table, std::string_view prefix,
    const std::function<bool(std::string_view key, std::string_view value)>& visit) const {
  TableCursor cursor(*this, table);
  for (bool there = cursor.seek(prefix); there && cursor.key().starts_with(prefix);
       there = cursor.next()) {
    if (!visit(cursor.key(), cursor.value())) return;
  }
}

std::size_t ReadTransaction::count(Table table) const {
  if (txn_ == nullptr) return 0;
  MDB_stat stat{};
  const int code = mdb_stat(txn_, store_->databases_[table.index], &stat);
  FOREBAY_INVARIANT(code == 0 || store_->failed());
  return stat.ms_entries;
}

Result<void> WriteTransaction::check_open() const {
  if (txn_ != nullptr && !store_->failed()) return {};
  return fail(ErrorCode::kIo, "store " + store_->dir_ +
                                  ": an earlier write failed; the process has to end, reopen and "
                                  "verify");
}

Result<void> WriteTransaction::put(Table table, std::string_view key, std::string_view value) {
  if (auto open = check_open(); !open) return open;
  if (key.empty() || key.size() > limits::kStoreKeyBytesMax) {
    return fail(ErrorCode::kBadInput,
                "a key of " + std::to_string(key.size()) + " bytes: 1 to 511 are allowed");
  }
  MDB_val at = to_val(key), what = to_val(value);
  const int code = mdb_put(txn_, store_->databases_[table.index], &at, &what, 0);
  if (code != 0) return fail(store_->fail_write("put", code));
  return {};
}

Result<void> WriteTransaction::erase(Table table, std::string_view key) {
  if (auto open = check_open(); !open) return open;
  MDB_val at = to_val(key);
  const int code = mdb_del(txn_, store_->databases_[table.index], &at, nullptr);
  if (code != 0 && code != MDB_NOTFOUND && code != MDB_BAD_VALSIZE) {
    return fail(store_->fail_write("erase", code));
  }
  return {};
}

Result<void> WriteTransaction::commit() {
  if (auto open = check_open(); !open) return open;
  const int code = mdb_txn_commit(std::exchange(txn_, nullptr));  // frees it, whatever comes out
  if (code != 0) return fail(store_->fail_write("commit", code));
  return {};
}

}  // namespace forebay
