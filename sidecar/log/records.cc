#include "sidecar/log/records.h"

#include <algorithm>

#include "common/base/bytes.h"

namespace forebay {
namespace {

constexpr std::size_t kChecksumBytes = 8;
constexpr std::uint32_t kDepartedFlag = 1;
constexpr std::uint64_t kRolledBackFlag = 2;

template <class Tag>
void append_id(std::string& out, const RandomId<Tag>& id) {
  out.append(id.view());
}

std::string sealed(std::string bytes) {
  append_le(bytes, checksum(bytes));
  return bytes;
}

/// Steps through the fields of a record whose checksum held.
class FieldReader {
 public:
  explicit FieldReader(std::string_view body) : rest_(body) {}

  template <class T>
  T number() {
    if (rest_.size() < sizeof(T)) return short_record<T>();
    const T value = load_le<T>(rest_.data());
    rest_.remove_prefix(sizeof(T));
    return value;
  }
  template <class Id>
  Id id() {
    if (rest_.size() < Id::kSize) return short_record<Id>();
    Id value;
    std::copy_n(rest_.begin(), Id::kSize, value.bytes.begin());
    rest_.remove_prefix(Id::kSize);
    return value;
  }
  std::string text(std::size_t size) {
    if (rest_.size() < size) return short_record<std::string>();
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  /// Whether every field was there and nothing is left over.
  [[nodiscard]] bool complete() const { return !short_ && rest_.empty(); }

 private:
  template <class T>
  T short_record() {
    short_ = true;
    return {};
  }

  std::string_view rest_;
  bool short_ = false;
};

Result<FieldReader> open_record(std::string_view bytes) {
  if (bytes.size() < kChecksumBytes)
    return fail(ErrorCode::kCorruption, "a record too short for its checksum");
  const std::string_view body = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (load_le<std::uint64_t>(bytes.data() + body.size()) != checksum(body)) {
    return fail(ErrorCode::kCorruption, "a record that fails its checksum");
  }
  return FieldReader(body);
}

template <class Record>
Result<Record> closed(const FieldReader& fields, Record record) {
  if (!fields.complete())
    return fail(ErrorCode::kCorruption, "a record of another length than its fields");
  return record;
}

}  // namespace

std::string encode_record(const ClockRecord& record) {
  std::string bytes;
  append_le(bytes, unix_ns(record.wall));
  append_le(bytes, record.since_boot.time_since_epoch().count());
  append_le(bytes, std::uint8_t{record.doubted});
  append_le(bytes, static_cast<std::uint16_t>(record.host_boot.size()));
  bytes += record.host_boot;
  return sealed(std::move(bytes));
}

Result<ClockRecord> decode_clock_record(std::string_view bytes) {
  auto fields = open_record(bytes);
  if (!fields) return fail(fields.error());
  ClockRecord record;
  record.wall = wall_from_unix_ns(fields->number<std::int64_t>());
  record.since_boot = MonoTime(Nanoseconds(fields->number<std::int64_t>()));
  record.doubted = fields->number<std::uint8_t>() != 0;
  record.host_boot = fields->text(fields->number<std::uint16_t>());
  return closed(*fields, record);
}

std::string encode_record(const StreamRecord& record) {
  std::string bytes;
  append_id(bytes, record.incarnation);
  append_le(bytes, record.next.value);
  append_le(bytes, record.oldest.value);
  append_le(bytes, unix_ns(record.last_commit_time));
  append_le(bytes, record.last_checksum);
  append_le(bytes, record.bytes);
  append_le(bytes, record.lost);
  append_le(bytes, static_cast<std::uint8_t>(record.ancestors.size()));
  for (const StreamRecord::Ancestor& ancestor : record.ancestors) {
    append_id(bytes, ancestor.incarnation);
    append_le(bytes, ancestor.shared.value);
  }
  return sealed(std::move(bytes));
}

Result<StreamRecord> decode_stream_record(std::string_view bytes) {
  auto fields = open_record(bytes);
  if (!fields) return fail(fields.error());
  StreamRecord record;
  record.incarnation = fields->id<Incarnation>();
  record.next.value = fields->number<std::uint64_t>();
  record.oldest.value = fields->number<std::uint64_t>();
  record.last_commit_time = wall_from_unix_ns(fields->number<std::int64_t>());
  record.last_checksum = fields->number<std::uint64_t>();
  record.bytes = fields->number<std::uint64_t>();
  record.lost = fields->number<std::uint64_t>();
  record.ancestors.resize(fields->number<std::uint8_t>());
  for (StreamRecord::Ancestor& ancestor : record.ancestors) {
    ancestor.incarnation = fields->id<Incarnation>();
    ancestor.shared.value = fields->number<std::uint64_t>();
  }
  return closed(*fields, record);
}

Sequence StreamRecord::shared_with(const Incarnation& of, bool rolled_back) const {
  Sequence shared = head();
  bool found = of == incarnation;
  for (auto ancestor = ancestors.rbegin(); ancestor != ancestors.rend(); ++ancestor) {
    shared = std::min(shared, ancestor->shared);
    if (found) return shared;
    found = ancestor->incarnation == of;
    if (found && !rolled_back) return shared;
  }
  return {};
}

Sequence StreamRecord::read_by(const ConsumerRecord& consumer) const {
  if (consumer.incarnation == incarnation && !consumer.rolled_back) return consumer.cursor;
  return std::min(consumer.cursor, shared_with(consumer.incarnation, consumer.rolled_back));
}

std::string encode_record(const ProducerRecord& record) {
  std::string bytes;
  append_id(bytes, record.instance);
  append_le(bytes, record.epoch.value);
  append_le(bytes, record.departed ? kDepartedFlag : std::uint32_t{0});
  append_le(bytes, record.start.value);
  append_le(bytes, record.position.value);
  append_le(bytes, record.sequence.value);
  append_le(bytes, record.fingerprint);
  append_le(bytes, unix_ns(record.time));
  append_le(bytes, static_cast<std::uint8_t>(record.stream.size()));
  append_le(bytes, static_cast<std::uint8_t>(record.name.size()));
  bytes += record.stream;
  bytes += record.name;
  return sealed(std::move(bytes));
}

Result<ProducerRecord> decode_producer_record(std::string_view bytes) {
  auto fields = open_record(bytes);
  if (!fields) return fail(fields.error());
  ProducerRecord record;
  record.instance = fields->id<InstanceId>();
  record.epoch.value = fields->number<std::uint32_t>();
  record.departed = (fields->number<std::uint32_t>() & kDepartedFlag) != 0;
  record.start.value = fields->number<std::uint64_t>();
  record.position.value = fields->number<std::uint64_t>();
  record.sequence.value = fields->number<std::uint64_t>();
  record.fingerprint = fields->number<std::uint64_t>();
  record.time = wall_from_unix_ns(fields->number<std::int64_t>());
  const std::size_t stream_size = fields->number<std::uint8_t>();
  const std::size_t name_size = fields->number<std::uint8_t>();
  record.stream = fields->text(stream_size);
  record.name = fields->text(name_size);
  return closed(*fields, record);
}

std::string encode_record(const ConsumerRecord& record) {
  std::string bytes;
  append_id(bytes, record.incarnation);
  append_le(bytes, record.start.value);
  append_le(bytes, record.cursor.value);
  append_le(bytes, record.lost);
  append_le(bytes, record.failed);
  append_le(bytes, unix_ns(record.time));
  append_le(bytes, record.rolled_back ? kRolledBackFlag : std::uint64_t{0});
  return sealed(std::move(bytes));
}

Result<ConsumerRecord> decode_consumer_record(std::string_view bytes) {
  auto fields = open_record(bytes);
  if (!fields) return fail(fields.error());
  ConsumerRecord record;
  record.incarnation = fields->id<Incarnation>();
  record.start.value = fields->number<std::uint64_t>();
  record.cursor.value = fields->number<std::uint64_t>();
  record.lost = fields->number<std::uint64_t>();
  record.failed = fields->number<std::uint64_t>();
  record.time = wall_from_unix_ns(fields->number<std::int64_t>());
  record.rolled_back = (fields->number<std::uint64_t>() & kRolledBackFlag) != 0;
  return closed(*fields, record);
}

}  // namespace forebay
