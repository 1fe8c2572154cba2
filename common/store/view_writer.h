// What a handler writes with: gathers the writes of one event and puts them when the handler
// accepted it, so that a refused event changes nothing (nested LMDB transactions would do the same
// at 5 to 38 µs each). Made for some tens of writes an event: each get looks through them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/store.h"

namespace forebay {

class ViewWriter {
 public:
  /// `transaction` outlives the writer.
  explicit ViewWriter(WriteTransaction& transaction) : transaction_(transaction) {}

  /// Sees this event's own writes, then the transaction's. Valid until the next put or erase.
  [[nodiscard]] std::optional<std::string_view> get(Table table, std::string_view key) const;
  /// Keys: 1 to 511 bytes.
  void put(Table table, std::string_view key, std::string_view value);
  void erase(Table table, std::string_view key);

  /// Puts what was gathered (the event was accepted). kBadInput is the event's: a key it led to is
  /// out of bounds, and nothing was put. Any other error is the store's.
  [[nodiscard]] Result<void> accept();
  /// Forgets what was gathered (the event was refused).
  void refuse();

 private:
  /// A write of this event; its key and value lie in bytes_, one after the other.
  struct Pending {
    Table table;
    std::size_t key_at;
    std::size_t key_bytes;
    std::size_t value_bytes;
    bool erased;
  };
  void add(Table table, std::string_view key, std::string_view value, bool erased);
  [[nodiscard]] std::string_view key_of(const Pending& write) const;
  [[nodiscard]] std::string_view value_of(const Pending& write) const;

  WriteTransaction& transaction_;
  std::vector<Pending> pending_;  // in order; few, so that a look through them beats any index
  std::string bytes_;             // kept from event to event
};

}  // namespace forebay
