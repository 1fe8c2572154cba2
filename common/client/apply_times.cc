#include "common/client/apply_times.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/limits.h"
#include "common/store/table_cursor.h"

namespace forebay {
namespace {

constexpr std::size_t kEntryBytes = sizeof(std::uint64_t) + sizeof(std::int64_t);
constexpr std::size_t kRowBytesMax = limits::kApplyTimesGroupsPerRow * kEntryBytes;

std::string prefix_of(std::string_view stream) { return std::string(stream) + '\0'; }

std::string key_of(std::string_view stream, Sequence first) {
  std::string key = prefix_of(stream);
  const std::uint64_t newest_first = std::numeric_limits<std::uint64_t>::max() - first.value;
  for (int shift = 56; shift >= 0; shift -= 8)
    key.push_back(static_cast<char>(newest_first >> shift & 255));
  return key;
}

/// A row as it lies in the table.
class Row {
 public:
  /// nullopt for what is no row of the stream.
  static std::optional<Row> read(std::string_view stream, std::string_view key,
                                 std::string_view value) {
    if (key.size() != stream.size() + 1 + sizeof(std::uint64_t)) return std::nullopt;
    if (value.empty() || value.size() % kEntryBytes != 0 || value.size() > kRowBytesMax)
      return std::nullopt;
    std::uint64_t newest_first = 0;
    for (const char c : key.substr(stream.size() + 1))
      newest_first = newest_first << 8 | static_cast<unsigned char>(c);
    const Row row(Sequence{std::numeric_limits<std::uint64_t>::max() - newest_first}, value);
    for (std::size_t i = 0; i < row.groups(); ++i) {
      if (row.last(i) < (i == 0 ? row.first() : row.last(i - 1) + 1)) return std::nullopt;
    }
    return row;
  }

  [[nodiscard]] Sequence first() const { return first_; }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] std::size_t groups() const { return bytes_.size() / kEntryBytes; }
  [[nodiscard]] Sequence last(std::size_t group) const {
    return Sequence{load_le<std::uint64_t>(bytes_.data() + group * kEntryBytes)};
  }
  [[nodiscard]] Sequence last() const { return last(groups() - 1); }
  [[nodiscard]] WallTime time(std::size_t group) const {
    return wall_from_unix_ns(
        load_le<std::int64_t>(bytes_.data() + group * kEntryBytes + sizeof(std::uint64_t)));
  }
  /// The first group that reaches so far; groups() if none does.
  [[nodiscard]] std::size_t group_of(Sequence sequence) const {
    std::size_t group = 0;
    while (group < groups() && last(group) < sequence) ++group;
    return group;
  }

 private:
  Row(Sequence first, std::string_view bytes) : first_(first), bytes_(bytes) {}
  Sequence first_;
  std::string_view bytes_;
};

void append_group(std::string& row, Sequence last, WallTime time) {
  append_le(row, last.value);
  append_le(row, unix_ns(time));
}

tl::unexpected<Error> damaged(std::string_view stream) {
  return fail(ErrorCode::kCorruption, "what the store has of when " + std::string(stream) +
                                          " was applied is damaged: rebuild the view");
}

}  // namespace

Result<void> ApplyTimes::put(WriteTransaction& write, std::string_view stream, Sequence first,
                             Sequence last, WallTime time) const {
  const std::string prefix = prefix_of(stream);
  {
    TableCursor newest(write, table_);
    if (newest.seek(prefix) && newest.key().starts_with(prefix)) {
      const auto row = Row::read(stream, newest.key(), newest.value());
      if (row && row->last() + 1 == first && row->groups() < limits::kApplyTimesGroupsPerRow) {
        const std::string key(newest.key());
        std::string bytes(row->bytes());
        append_group(bytes, last, time);
        return write.put(table_, key, bytes);
      }
    }
  }
  std::string bytes;
  append_group(bytes, last, time);
  if (auto put = write.put(table_, key_of(stream, first), bytes); !put) return put;
  std::vector<std::string> too_old;
  std::size_t rows = 0;
  write.for_each(table_, prefix, [&](std::string_view key, std::string_view) {
    if (++rows > limits::kApplyTimesRowsMax) too_old.emplace_back(key);
    return true;
  });
  for (const std::string& key : too_old) {
    if (auto erased = write.erase(table_, key); !erased) return erased;
  }
  return {};
}

Result<std::optional<WallTime>> ApplyTimes::find(const ReadTransaction& read,
                                                 std::string_view stream, Sequence sequence) const {
  TableCursor at(read, table_);
  if (!at.seek(key_of(stream, sequence)) || !at.key().starts_with(prefix_of(stream)))
    return std::nullopt;
  const auto row = Row::read(stream, at.key(), at.value());
  if (!row) return damaged(stream);
  const std::size_t group = row->group_of(sequence);
  return group < row->groups() ? std::optional(row->time(group)) : std::nullopt;
}

Result<std::optional<ApplyTimes::Group>> ApplyTimes::oldest(const ReadTransaction& read,
                                                            std::string_view stream) const {
  std::optional<std::pair<std::string_view, std::string_view>> last;
  read.for_each(table_, prefix_of(stream), [&](std::string_view key, std::string_view value) {
    last.emplace(key, value);
    return true;
  });
  if (!last) return std::nullopt;
  const auto row = Row::read(stream, last->first, last->second);
  if (!row) return damaged(stream);
  return Group{row->first(), row->time(0)};
}

Result<void> ApplyTimes::cut(WriteTransaction& write, std::string_view stream,
                             Sequence last) const {
  std::vector<std::string> after;
  std::optional<std::pair<std::string, std::string>> shorter;
  write.for_each(table_, prefix_of(stream), [&](std::string_view key, std::string_view value) {
    const auto row = Row::read(stream, key, value);
    if (row && row->first() <= last) {
      if (row->last() <= last) return false;
      const std::size_t group = row->group_of(last);
      std::string bytes(row->bytes().substr(0, group * kEntryBytes));
      append_group(bytes, last, row->time(group));
      shorter.emplace(key, std::move(bytes));
      return false;
    }
    after.emplace_back(key);
    return true;
  });
  for (const std::string& key : after) {
    if (auto erased = write.erase(table_, key); !erased) return erased;
  }
  return shorter ? write.put(table_, shorter->first, shorter->second) : Result<void>();
}

Result<void> ApplyTimes::copy(const ReadTransaction& from, const ApplyTimes& theirs,
                              WriteTransaction& write, std::string_view stream) const {
  Result<void> copied;
  from.for_each(theirs.table_, prefix_of(stream),
                [&](std::string_view key, std::string_view value) {
                  copied = write.put(table_, key, value);
                  return copied.has_value();
                });
  return copied;
}

}  // namespace forebay
