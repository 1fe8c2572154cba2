// When a consumer applied what: for each group of each stream, the time just before its commit, put in
// the transaction that moves the cursor. `forebay trace` asks for it. Bounded: of each stream some
// hundred thousand groups.
//
//   key    stream, zero byte, u64 BE of 2^64 - 1 - the first sequence, so that the newest row comes first
//   value  per group, in order: u64 last sequence, i64 time
//
// A group adds to the newest row, which is what one put writes; every hundredth begins a row.
#pragma once

#include <optional>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/store/store.h"

namespace forebay {

class ApplyTimes {
 public:
  explicit ApplyTimes(Table table) : table_(table) {}

  /// The group of `first` to `last`, which come after all that was put.
  [[nodiscard]] Result<void> put(WriteTransaction& write, std::string_view stream, Sequence first,
                                 Sequence last, WallTime time) const;

  struct Group {
    Sequence first;
    WallTime time;
  };
  /// When that sequence was applied; nullopt if nothing says so. kCorruption for a row that is none.
  [[nodiscard]] Result<std::optional<WallTime>> find(const ReadTransaction& read,
                                                     std::string_view stream,
                                                     Sequence sequence) const;
  /// The oldest group that is kept; what came before it was applied no later.
  [[nodiscard]] Result<std::optional<Group>> oldest(const ReadTransaction& read,
                                                    std::string_view stream) const;

  /// Forgets what was applied after `last`: the cursor went back there.
  [[nodiscard]] Result<void> cut(WriteTransaction& write, std::string_view stream,
                                 Sequence last) const;
  /// Takes over what another store has of a stream of which this one has nothing.
  [[nodiscard]] Result<void> copy(const ReadTransaction& from, const ApplyTimes& theirs,
                                  WriteTransaction& write, std::string_view stream) const;

 private:
  Table table_;
};

}  // namespace forebay
