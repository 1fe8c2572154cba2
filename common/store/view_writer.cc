#include "common/store/view_writer.h"

#include "common/base/limits.h"

namespace forebay {

std::optional<std::string_view> ViewWriter::get(Table table, std::string_view key) const {
  if (!pending_.empty()) {
    const auto found = pending_.find(Key{table.index, std::string(key)});
    if (found != pending_.end()) {
      if (!found->second) return std::nullopt;
      return std::string_view(*found->second);
    }
  }
  return transaction_.get(table, key);
}

void ViewWriter::put(Table table, std::string_view key, std::string_view value) {
  pending_.insert_or_assign(Key{table.index, std::string(key)}, std::string(value));
}

void ViewWriter::erase(Table table, std::string_view key) {
  pending_.insert_or_assign(Key{table.index, std::string(key)}, std::nullopt);
}

Result<void> ViewWriter::accept() {
  // All keys first: once a put was done, the event can no longer be refused on its own.
  for (const auto& [key, value] : pending_) {
    if (key.second.empty() || key.second.size() > limits::kStoreKeyBytesMax) {
      const std::size_t size = key.second.size();
      pending_.clear();
      return fail(ErrorCode::kBadInput, "the handler made a key of " + std::to_string(size) +
                                            " bytes: 1 to 511 are allowed");
    }
  }
  for (const auto& [key, value] : pending_) {
    const Table table{key.first};
    Result<void> done =
        value ? transaction_.put(table, key.second, *value) : transaction_.erase(table, key.second);
    if (!done) return done;
  }
  pending_.clear();
  return {};
}

}  // namespace forebay
