// A consumer's own store: the view's tables, and beside them, changed in the same transactions, the
// cursor of each stream, the gaps that were skipped and the events that were refused.
//
//   table      key                        value
//   _cursors   stream                     CursorRecord
//   _gaps      stream, zero byte, u64 BE  u64 count, reason
//   _failed    stream, zero byte, u64 BE  i64 commit time, u32 length, reason, the encoded event
//   _applied   apply_times.h: when each group was applied
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/client/apply_times.h"
#include "common/client/subscription.h"
#include "common/store/store.h"

namespace forebay {

struct CursorRecord {
  Cursor cursor;
  Sequence start;            // the cursor it began with: what lies before is not lost
  std::uint64_t lost = 0;    // events that could not be had
  std::uint64_t failed = 0;  // events that the handler refused
  WallTime commit_time{};    // of the last batch applied
  bool diverged = false;

  friend bool operator==(const CursorRecord& a, const CursorRecord& b);
};

class ConsumerStore {
 public:
  /// `view_tables`: the handler's; Table{i} is the i-th of them.
  [[nodiscard]] static Result<std::unique_ptr<ConsumerStore>> open(
      const std::string& dir, std::vector<std::string> view_tables);

  [[nodiscard]] const Store& store() const { return *store_; }
  [[nodiscard]] Store& store() { return *store_; }

  /// kCorruption for a record that fails its checksum.
  [[nodiscard]] Result<std::map<std::string, CursorRecord>> cursors(
      const ReadTransaction& read) const;
  [[nodiscard]] Result<std::optional<CursorRecord>> cursor(const ReadTransaction& read,
                                                           std::string_view stream) const;
  [[nodiscard]] Result<void> put_cursor(WriteTransaction& write, std::string_view stream,
                                        const CursorRecord& record) const;
  [[nodiscard]] Result<void> put_gap(WriteTransaction& write, std::string_view stream,
                                     Sequence first, std::uint64_t count,
                                     std::string_view reason) const;
  [[nodiscard]] Result<void> put_failed(WriteTransaction& write, std::string_view stream,
                                        Sequence sequence, WallTime commit_time,
                                        std::string_view reason,
                                        std::string_view encoded_event) const;

  struct SkippedGap {
    Sequence first;
    std::uint64_t count;
    std::string reason;
  };
  /// kCorruption for a record that is none.
  [[nodiscard]] Result<std::vector<SkippedGap>> gaps(const ReadTransaction& read,
                                                     std::string_view stream) const;

  /// Whether the recorded gaps, which may meet, leave none of `count` sequences from `first` on.
  [[nodiscard]] Result<bool> lacks_all(const ReadTransaction& read, std::string_view stream,
                                       Sequence first, std::uint64_t count) const;

  struct FailedEvent {
    Sequence sequence;
    WallTime commit_time;
    std::string reason;
    std::string encoded_event;
  };
  /// In sequence order, at most `count_max`; kCorruption for a record that is none.
  [[nodiscard]] Result<std::vector<FailedEvent>> failed(const ReadTransaction& read,
                                                        std::string_view stream,
                                                        std::size_t count_max) const;
  /// The one of that sequence, if it was refused.
  [[nodiscard]] Result<std::optional<FailedEvent>> failed_at(const ReadTransaction& read,
                                                             std::string_view stream,
                                                             Sequence sequence) const;

  [[nodiscard]] const ApplyTimes& apply_times() const { return apply_times_; }

  /// Forgets gaps, failed events and times of what comes after `last`: the cursor went back there, and
  /// those sequences are other events from now on. Returns how many failed events those were.
  [[nodiscard]] Result<std::size_t> cut(WriteTransaction& write, std::string_view stream,
                                        Sequence last) const;

 private:
  ConsumerStore() = default;

  std::unique_ptr<Store> store_;
  Table cursors_{0}, gaps_{0}, failed_{0};
  ApplyTimes apply_times_{Table{0}};
};

}  // namespace forebay
