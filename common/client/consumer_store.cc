#include "common/client/consumer_store.h"

#include <algorithm>
#include <limits>

#include "common/base/bytes.h"
#include "common/base/limits.h"

namespace forebay {
namespace {

constexpr std::uint8_t kDivergedFlag = 1;
constexpr std::size_t kCursorBytes = 16 + 8 * 6 + 1;

std::string encode_cursor(const CursorRecord& record) {
  std::string bytes(record.cursor.incarnation.view());
  append_le(bytes, record.cursor.sequence.value);
  append_le(bytes, record.cursor.checksum);
  append_le(bytes, record.start.value);
  append_le(bytes, record.lost);
  append_le(bytes, record.failed);
  append_le(bytes, unix_ns(record.commit_time));
  append_le(bytes, record.diverged ? kDivergedFlag : std::uint8_t{0});
  append_le(bytes, checksum(bytes));
  return bytes;
}

Result<CursorRecord> decode_cursor(std::string_view bytes, std::string_view stream) {
  if (bytes.size() != kCursorBytes + 8 || load_le<std::uint64_t>(bytes.data() + kCursorBytes) !=
                                              checksum(bytes.substr(0, kCursorBytes))) {
    return fail(ErrorCode::kCorruption,
                "the cursor of " + std::string(stream) +
                    " fails its checksum: rebuild the view in an empty folder");
  }
  CursorRecord record;
  const char* at = bytes.data();
  std::copy_n(at, Incarnation::kSize, record.cursor.incarnation.bytes.begin());
  at += Incarnation::kSize;
  record.cursor.sequence.value = load_le<std::uint64_t>(at);
  record.cursor.checksum = load_le<std::uint64_t>(at + 8);
  record.start.value = load_le<std::uint64_t>(at + 16);
  record.lost = load_le<std::uint64_t>(at + 24);
  record.failed = load_le<std::uint64_t>(at + 32);
  record.commit_time = wall_from_unix_ns(load_le<std::int64_t>(at + 40));
  record.diverged = (load_le<std::uint8_t>(at + 48) & kDivergedFlag) != 0;
  return record;
}

/// Big-endian, so that keys sort by sequence.
std::string sequence_key(std::string_view stream, Sequence sequence) {
  std::string key(stream);
  key.push_back('\0');
  for (int shift = 56; shift >= 0; shift -= 8)
    key.push_back(static_cast<char>(sequence.value >> shift & 255));
  return key;
}

/// Of a key of sequence_key; nullopt for any other.
std::optional<Sequence> sequence_of(std::string_view key, std::string_view stream) {
  if (key.size() != stream.size() + 1 + sizeof(std::uint64_t)) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : key.substr(stream.size() + 1))
    value = value << 8 | static_cast<unsigned char>(c);
  return Sequence{value};
}

tl::unexpected<Error> damaged(std::string_view what, std::string_view stream) {
  return fail(ErrorCode::kCorruption, std::string(what) + " of " + std::string(stream) +
                                          " in the store is none: rebuild the view in an empty "
                                          "folder");
}

/// nullopt for a record that is none.
std::optional<ConsumerStore::FailedEvent> decode_failed(Sequence sequence, std::string_view value) {
  constexpr std::size_t kReasonAt = sizeof(std::int64_t) + sizeof(std::uint32_t);
  if (value.size() < kReasonAt) return std::nullopt;
  const auto reason_size = load_le<std::uint32_t>(value.data() + sizeof(std::int64_t));
  if (reason_size > value.size() - kReasonAt) return std::nullopt;
  return ConsumerStore::FailedEvent{sequence,
                                    wall_from_unix_ns(load_le<std::int64_t>(value.data())),
                                    std::string(value.substr(kReasonAt, reason_size)),
                                    std::string(value.substr(kReasonAt + reason_size))};
}

std::string stream_prefix(std::string_view stream) { return std::string(stream) + '\0'; }

}  // namespace

bool operator==(const CursorRecord& a, const CursorRecord& b) {
  return encode_cursor(a) == encode_cursor(b);
}

Result<std::unique_ptr<ConsumerStore>> ConsumerStore::open(const std::string& dir,
                                                           std::vector<std::string> view_tables) {
  std::unique_ptr<ConsumerStore> consumer(new ConsumerStore);
  const std::size_t first = view_tables.size();
  for (const char* own : {"_cursors", "_gaps", "_failed", "_applied"})
    view_tables.emplace_back(own);
  auto store = Store::open(dir, std::move(view_tables));
  if (!store) return fail(store.error());
  consumer->store_ = std::move(*store);
  consumer->cursors_ = Table{first};
  consumer->gaps_ = Table{first + 1};
  consumer->failed_ = Table{first + 2};
  consumer->apply_times_ = ApplyTimes(Table{first + 3});
  return consumer;
}

Result<std::map<std::string, CursorRecord>> ConsumerStore::cursors(
    const ReadTransaction& read) const {
  std::map<std::string, CursorRecord> all;
  std::optional<Error> damage;
  read.for_each(cursors_, "", [&](std::string_view stream, std::string_view value) {
    auto record = decode_cursor(value, stream);
    if (!record) {
      damage = record.error();
      return false;
    }
    all.emplace(std::string(stream), *record);
    return true;
  });
  if (damage) return fail(*damage);
  return all;
}

Result<std::optional<CursorRecord>> ConsumerStore::cursor(const ReadTransaction& read,
                                                          std::string_view stream) const {
  const auto value = read.get(cursors_, stream);
  if (!value) return std::nullopt;
  auto record = decode_cursor(*value, stream);
  if (!record) return fail(record.error());
  return std::optional(*record);
}

Result<void> ConsumerStore::put_cursor(WriteTransaction& write, std::string_view stream,
                                       const CursorRecord& record) const {
  return write.put(cursors_, stream, encode_cursor(record));
}

Result<void> ConsumerStore::put_gap(WriteTransaction& write, std::string_view stream,
                                    Sequence first, std::uint64_t count,
                                    std::string_view reason) const {
  std::string value;
  append_le(value, count);
  value += reason;
  return write.put(gaps_, sequence_key(stream, first), value);
}

Result<void> ConsumerStore::put_failed(WriteTransaction& write, std::string_view stream,
                                       Sequence sequence, WallTime commit_time,
                                       std::string_view reason,
                                       std::string_view encoded_event) const {
  std::string value;
  append_le(value, unix_ns(commit_time));
  reason = reason.substr(0, limits::kFailedReasonBytesMax);
  append_le(value, static_cast<std::uint32_t>(reason.size()));
  value += reason;
  value += encoded_event;
  return write.put(failed_, sequence_key(stream, sequence), value);
}

Result<std::vector<ConsumerStore::SkippedGap>> ConsumerStore::gaps(const ReadTransaction& read,
                                                                   std::string_view stream) const {
  constexpr std::size_t kReasonAt = sizeof(std::uint64_t);
  std::vector<SkippedGap> all;
  bool sound = true;
  read.for_each(gaps_, stream_prefix(stream), [&](std::string_view key, std::string_view value) {
    const auto first = sequence_of(key, stream);
    sound = first && value.size() >= kReasonAt;
    if (!sound) return false;
    const auto count = load_le<std::uint64_t>(value.data());
    sound = count <= std::numeric_limits<std::uint64_t>::max() - first->value;
    all.push_back({*first, count, std::string(value.substr(kReasonAt))});
    return sound;
  });
  if (!sound) return damaged("a gap", stream);
  return all;
}

Result<std::vector<ConsumerStore::FailedEvent>> ConsumerStore::failed(const ReadTransaction& read,
                                                                      std::string_view stream,
                                                                      std::size_t count_max) const {
  std::vector<FailedEvent> all;
  bool sound = true;
  read.for_each(failed_, stream_prefix(stream), [&](std::string_view key, std::string_view value) {
    if (all.size() == count_max) return false;
    const auto sequence = sequence_of(key, stream);
    auto event = sequence ? decode_failed(*sequence, value) : std::nullopt;
    sound = event.has_value();
    if (sound) all.push_back(std::move(*event));
    return sound;
  });
  if (!sound) return damaged("a failed event", stream);
  return all;
}

Result<std::optional<ConsumerStore::FailedEvent>> ConsumerStore::failed_at(
    const ReadTransaction& read, std::string_view stream, Sequence sequence) const {
  const auto value = read.get(failed_, sequence_key(stream, sequence));
  if (!value) return std::nullopt;
  auto event = decode_failed(sequence, *value);
  if (!event) return damaged("a failed event", stream);
  return event;
}

Result<std::size_t> ConsumerStore::cut(WriteTransaction& write, std::string_view stream,
                                       Sequence last) const {
  const auto skipped = gaps(write, stream);
  if (!skipped) return fail(skipped.error());
  for (const SkippedGap& gap : *skipped) {
    if (gap.first + gap.count <= last + 1) continue;
    const auto changed = gap.first > last ? write.erase(gaps_, sequence_key(stream, gap.first))
                                          : put_gap(write, stream, gap.first,
                                                    last.value + 1 - gap.first.value, gap.reason);
    if (!changed) return fail(changed.error());
  }
  std::vector<std::string> refused;
  write.for_each(failed_, stream_prefix(stream), [&](std::string_view key, std::string_view) {
    if (key >= sequence_key(stream, last + 1)) refused.emplace_back(key);
    return true;
  });
  for (const std::string& key : refused) {
    if (auto erased = write.erase(failed_, key); !erased) return fail(erased.error());
  }
  if (auto cut = apply_times_.cut(write, stream, last); !cut) return fail(cut.error());
  return refused.size();
}

Result<bool> ConsumerStore::lacks_all(const ReadTransaction& read, std::string_view stream,
                                      Sequence first, std::uint64_t count) const {
  const auto skipped = gaps(read, stream);
  if (!skipped) return fail(skipped.error());
  Sequence lacked = first;  // in order: all before it are
  for (const SkippedGap& gap : *skipped) {
    if (gap.first <= lacked) lacked = std::max(lacked, gap.first + gap.count);
  }
  return lacked >= first + count;
}

}  // namespace forebay
