#include "common/store/view_writer.h"

#include "common/base/limits.h"

namespace forebay {

std::optional<std::string_view> ViewWriter::get(Table table, std::string_view key) const {
  for (auto write = pending_.rbegin(); write != pending_.rend(); ++write) {
    if (write->table.index != table.index || key_of(*write) != key) continue;
    if (write->erased) return std::nullopt;
    return value_of(*write);
  }
  return transaction_.get(table, key);
}

void ViewWriter::put(Table table, std::string_view key, std::string_view value) {
  add(table, key, value, false);
}

void ViewWriter::erase(Table table, std::string_view key) { add(table, key, {}, true); }

void ViewWriter::add(Table table, std::string_view key, std::string_view value, bool erased) {
  pending_.push_back({table, bytes_.size(), key.size(), value.size(), erased});
  const std::size_t needed = bytes_.size() + key.size() + value.size();
  if (needed <= bytes_.capacity()) {
    bytes_.append(key).append(value);
    return;
  }
  // Key or value may be what get() gave: the old bytes live until they are copied.
  std::string grown;
  grown.reserve(2 * needed);
  grown.append(bytes_).append(key).append(value);
  bytes_ = std::move(grown);
}

std::string_view ViewWriter::key_of(const Pending& write) const {
  return std::string_view(bytes_).substr(write.key_at, write.key_bytes);
}

std::string_view ViewWriter::value_of(const Pending& write) const {
  return std::string_view(bytes_).substr(write.key_at + write.key_bytes, write.value_bytes);
}

Result<void> ViewWriter::accept() {
  // All keys first: once a put was done, the event can no longer be refused on its own.
  for (const Pending& write : pending_) {
    if (write.key_bytes > 0 && write.key_bytes <= limits::kStoreKeyBytesMax) continue;
    const std::size_t size = write.key_bytes;
    refuse();
    return fail(ErrorCode::kBadInput, "the handler made a key of " + std::to_string(size) +
                                          " bytes: 1 to 511 are allowed");
  }
  for (const Pending& write : pending_) {
    Result<void> done = write.erased
                            ? transaction_.erase(write.table, key_of(write))
                            : transaction_.put(write.table, key_of(write), value_of(write));
    if (!done) return done;
  }
  refuse();
  return {};
}

void ViewWriter::refuse() {
  pending_.clear();
  bytes_.clear();
}

}  // namespace forebay
