#include "common/event/batch.h"

#include <algorithm>
#include <limits>
#include <msgpack.hpp>

#include "common/base/bytes.h"
#include "common/base/limits.h"
#include "common/base/planted.h"
#include "common/event/batch_layout.h"
#include "common/event/msgpack_cursor.h"
#include "common/event/msgpack_out.h"

namespace forebay {
namespace {

using namespace batch_layout;

std::uint64_t renew_header_checksum(char* batch) {
  const std::uint64_t sum = checksum({batch, kHeaderChecksumAt});
  store_le(batch + kHeaderChecksumAt, sum);
  return sum;
}

/// Takes one length-prefixed record off the front of `rest`; nullopt if its length does not fit.
std::optional<std::string_view> take_record(std::string_view& rest) {
  if (rest.size() < kRecordLengthBytes) return std::nullopt;
  const auto length = load_le<std::uint32_t>(rest.data());
  if (length > rest.size() - kRecordLengthBytes) return std::nullopt;
  const std::string_view record = rest.substr(kRecordLengthBytes, length);
  rest.remove_prefix(kRecordLengthBytes + length);
  return record;
}

void append_record(std::string& out, std::string_view record) {
  append_le(out, static_cast<std::uint32_t>(record.size()));
  out.append(record);
}

/// Writes all of a header but origin, place and the header's checksum.
void begin_header(char* batch, BatchKind kind, std::uint64_t count, std::string_view payload) {
  std::fill_n(batch, kHeaderBytes, '\0');
  kMagic.copy(batch, kMagic.size());
  store_le(batch + kVersionAt, kVersion);
  store_le(batch + kKindAt, kind);
  store_le(batch + kCountAt, count);
  store_le(batch + kPayloadBytesAt, static_cast<std::uint32_t>(payload.size()));
  store_le(batch + kPayloadChecksumAt, checksum(payload));
}

Result<void> check_ranges(const BatchHeader& header) {
  const bool events = header.kind == BatchKind::kEvents;
  if (!events && header.kind != BatchKind::kGap) {
    return fail(ErrorCode::kCorruption, "a batch of unknown kind");
  }
  if (header.count == 0 || (events && header.count > limits::kBatchEventsMax)) {
    return fail(ErrorCode::kCorruption, "a batch of " + std::to_string(header.count) +
                                            " events; it may have 1 to " +
                                            std::to_string(limits::kBatchEventsMax));
  }
  if (header.place.base.value > std::numeric_limits<std::uint64_t>::max() - header.count) {
    return fail(ErrorCode::kCorruption, "a batch whose sequences overflow");
  }
  if (header.payload_bytes > limits::kBatchPayloadBytesMax) {
    return fail(ErrorCode::kCorruption,
                "a batch payload of " + std::to_string(header.payload_bytes) +
                    " bytes; the limit is " + std::to_string(limits::kBatchPayloadBytesMax));
  }
  if (events && header.origin.last <= header.origin.previous) {
    return fail(ErrorCode::kCorruption,
                "a batch whose last producer sequence is not above the previous one");
  }
  return {};
}

}  // namespace

Result<BatchHeader> parse_batch_header(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || !bytes.starts_with(kMagic)) {
    return fail(ErrorCode::kCorruption,
                "not a batch (no header of 104 bytes that begins with FBAT)");
  }
  const char* at = bytes.data();
  if (load_le<std::uint8_t>(at + kVersionAt) != kVersion) {
    return fail(ErrorCode::kVersion, "a batch of version " +
                                         std::to_string(load_le<std::uint8_t>(at + kVersionAt)) +
                                         "; this build speaks version " + std::to_string(kVersion));
  }
  BatchHeader header;
  header.checksum = load_le<std::uint64_t>(at + kHeaderChecksumAt);
  if (header.checksum != checksum(bytes.substr(0, kHeaderChecksumAt))) {
    return fail(ErrorCode::kCorruption, "a batch whose header fails its checksum");
  }
  header.kind = load_le<BatchKind>(at + kKindAt);
  std::copy_n(at + kIncarnationAt, Incarnation::kSize, header.origin.incarnation.bytes.begin());
  header.count = load_le<std::uint64_t>(at + kCountAt);
  header.payload_bytes = load_le<std::uint32_t>(at + kPayloadBytesAt);
  header.origin.epoch.value = load_le<std::uint32_t>(at + kEpochAt);
  header.origin.producer.value = load_le<std::uint64_t>(at + kProducerAt);
  header.origin.previous.value = load_le<std::uint64_t>(at + kPreviousProducerSequenceAt);
  header.origin.last.value = load_le<std::uint64_t>(at + kLastProducerSequenceAt);
  header.place.base.value = load_le<std::uint64_t>(at + kBaseSequenceAt);
  header.place.commit_time = wall_from_unix_ns(load_le<std::int64_t>(at + kCommitTimeAt));
  header.place.previous_checksum = load_le<std::uint64_t>(at + kPreviousChecksumAt);
  header.payload_checksum = load_le<std::uint64_t>(at + kPayloadChecksumAt);
  if (auto sound = check_ranges(header); !sound) return fail(sound.error());
  return header;
}

std::size_t batch_bytes(const BatchHeader& header) { return kHeaderBytes + header.payload_bytes; }

std::optional<std::string_view> EventRecords::next() { return take_record(rest_); }

Result<BatchView> BatchView::parse(std::string_view bytes) {
  auto header = parse_batch_header(bytes);
  if (!header) return fail(header.error());
  if (bytes.size() != batch_bytes(*header)) {
    return fail(ErrorCode::kCorruption, "a batch of " + std::to_string(bytes.size()) +
                                            " bytes whose header says " +
                                            std::to_string(batch_bytes(*header)));
  }
  BatchView batch;
  batch.header_ = *header;
  batch.bytes_ = bytes;
  std::string_view rest = bytes.substr(kHeaderBytes);
  if (checksum(rest) != header->payload_checksum &&
      !planted::has(planted::Bug::kPayloadNotChecked)) {
    return fail(ErrorCode::kCorruption, "a batch whose payload fails its checksum");
  }
  const auto shared = take_record(rest);
  if (!shared || shared->size() > limits::kSharedBytesMax) {
    return fail(ErrorCode::kCorruption, "a batch without its record of shared attributes");
  }
  batch.shared_ = *shared;
  batch.records_ = rest;
  std::uint64_t count = 0;
  while (!rest.empty()) {
    const auto record = take_record(rest);
    if (!record || record->size() > limits::kEventBytesMax) {
      return fail(ErrorCode::kCorruption, "a batch whose record lengths do not fit its payload");
    }
    ++count;
  }
  if (count != (header->kind == BatchKind::kEvents ? header->count : 0) &&
      !planted::has(planted::Bug::kCountNotChecked)) {
    return fail(ErrorCode::kCorruption, "a batch of " + std::to_string(count) +
                                            " events whose header says " +
                                            std::to_string(header->count));
  }
  return batch;
}

std::string BatchView::gap_reason() const {
  if (header_.kind != BatchKind::kGap) return {};
  MsgpackCursor cursor(shared_);
  const auto entries = cursor.map();
  for (std::size_t i = 0; entries && i < *entries; ++i) {
    const auto key = cursor.text();
    const auto value = cursor.text();
    if (!key || !value) break;
    if (*key == "reason") return std::string(*value);
  }
  return "unknown";
}

std::string derived_event_id(const BatchHeader& header, std::uint64_t index) {
  return hex(header.origin.producer) + "-" + std::to_string(header.origin.last.value) + "-" +
         std::to_string(index);
}

BatchBuilder::BatchBuilder(std::string shared) : shared_(std::move(shared)) {
  FOREBAY_INVARIANT(shared_.size() <= limits::kSharedBytesMax);
  begin();
}

void BatchBuilder::begin() {
  bytes_.clear();
  bytes_.resize(kHeaderBytes);
  append_record(bytes_, shared_);
  count_ = 0;
}

bool BatchBuilder::fits(std::size_t encoded_bytes) const {
  return count_ == 0 || (count_ < limits::kBatchEventsMax &&
                         bytes_.size() - kHeaderBytes + kRecordLengthBytes + encoded_bytes <=
                             limits::kBatchPayloadBytesTarget);
}

void BatchBuilder::append(std::string_view encoded_event) {
  append_record(bytes_, encoded_event);
  ++count_;
}

std::string BatchBuilder::finish() {
  begin_header(bytes_.data(), BatchKind::kEvents, count_,
               std::string_view(bytes_).substr(kHeaderBytes));
  std::string batch = std::move(bytes_);
  begin();
  return batch;
}

void set_batch_origin(char* batch, const BatchOrigin& origin) {
  std::copy_n(origin.incarnation.bytes.begin(), Incarnation::kSize, batch + kIncarnationAt);
  store_le(batch + kEpochAt, origin.epoch.value);
  store_le(batch + kProducerAt, origin.producer.value);
  store_le(batch + kPreviousProducerSequenceAt, origin.previous.value);
  store_le(batch + kLastProducerSequenceAt, origin.last.value);
  renew_header_checksum(batch);
}

std::uint64_t set_batch_place(char* batch, const BatchPlace& place) {
  store_le(batch + kBaseSequenceAt, place.base.value);
  store_le(batch + kCommitTimeAt, unix_ns(place.commit_time));
  store_le(batch + kPreviousChecksumAt, place.previous_checksum);
  return renew_header_checksum(batch);
}

std::string make_gap_record(const Incarnation& incarnation, std::uint64_t count,
                            std::string_view reason) {
  std::string record;
  MsgpackOut out{record};
  msgpack::packer<MsgpackOut> pack(out);
  pack.pack_map(1);
  pack_text(pack, "reason");
  pack_text(pack, reason);
  std::string batch(kHeaderBytes, '\0');
  append_record(batch, record);
  begin_header(batch.data(), BatchKind::kGap, count, std::string_view(batch).substr(kHeaderBytes));
  set_batch_origin(batch.data(), BatchOrigin{incarnation, {}, {}, {}, {}});
  return batch;
}

}  // namespace forebay
