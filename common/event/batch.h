// Batch: consecutive events of one stream from one producer; the unit of wire, log and replay.
//
// A batch is one run of bytes, header and payload, from the publisher's window to the consumer's
// handler; BatchView reads it in place, BatchBuilder makes it, and the two set_… functions fill in
// what a later stage knows. Grammar (docs/protocol.md section 3):
//
//   batch   := header payload
//   payload := record(shared attributes) record(event)*        record := u32 length, bytes
//
// Not here: what an event says inside (event_codec.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"

namespace forebay {

enum class BatchKind : std::uint8_t { kEvents = 1, kGap = 2 };

/// Who published a batch, and where it stands in that producer's chain.
struct BatchOrigin {
  Incarnation incarnation;
  ProducerId producer;
  Epoch epoch;
  ProducerSequence previous;  // the last producer sequence of the batch before
  ProducerSequence last;
};

/// Where a committed batch stands in its stream.
struct BatchPlace {
  Sequence base;
  WallTime commit_time;
  std::uint64_t previous_checksum = 0;  // header checksum of the batch before; 0 for the first
};

struct BatchHeader {
  BatchKind kind = BatchKind::kEvents;
  BatchOrigin origin;
  BatchPlace place;
  std::uint64_t count = 0;  // events; of a gap record, sequences
  std::uint32_t payload_bytes = 0;
  std::uint64_t payload_checksum = 0;
  std::uint64_t checksum = 0;

  [[nodiscard]] Sequence first() const { return place.base; }
  [[nodiscard]] Sequence last() const { return place.base + (count - 1); }
  [[nodiscard]] Sequence next() const { return place.base + count; }
};

/// Reads and checks the header alone (magic, version, checksum, ranges): kVersion or kCorruption.
[[nodiscard]] Result<BatchHeader> parse_batch_header(std::string_view bytes);

/// Bytes of the batch that begins with `header`.
[[nodiscard]] std::size_t batch_bytes(const BatchHeader& header);

/// Steps over the length-prefixed events of a checked batch.
class EventRecords {
 public:
  explicit EventRecords(std::string_view records) : rest_(records) {}
  /// The next encoded event, or nullopt at the end.
  [[nodiscard]] std::optional<std::string_view> next();

 private:
  std::string_view rest_;
};

/// A whole, checked batch over borrowed bytes.
class BatchView {
 public:
  /// Checks everything but what the events say inside: header, sizes, payload checksum, record
  /// lengths against the count. `bytes` is exactly one batch. Allocates nothing.
  [[nodiscard]] static Result<BatchView> parse(std::string_view bytes);

  [[nodiscard]] const BatchHeader& header() const { return header_; }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  /// msgpack map of the attributes that all events share.
  [[nodiscard]] std::string_view shared() const { return shared_; }
  [[nodiscard]] EventRecords events() const { return EventRecords(records_); }
  /// Why the events of a gap record are gone; empty for other kinds.
  [[nodiscard]] std::string gap_reason() const;

 private:
  BatchHeader header_;
  std::string_view bytes_;
  std::string_view shared_;
  std::string_view records_;
};

/// The id of an event that was published without one: `<producer hex>-<last producer
/// sequence>-<index>`.
[[nodiscard]] std::string derived_event_id(const BatchHeader& header, std::uint64_t index);

/// Gathers encoded events into one batch.
class BatchBuilder {
 public:
  /// `shared`: encoded attribute map (event_codec.h), at most limits::kSharedBytesMax.
  explicit BatchBuilder(std::string shared);

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::uint32_t count() const { return count_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_.size(); }
  /// Whether an event of `encoded_bytes` still belongs into this batch: always into an empty one.
  [[nodiscard]] bool fits(std::size_t encoded_bytes) const;
  void append(std::string_view encoded_event);
  /// The batch with its payload checksum, origin unset; the builder is empty again.
  [[nodiscard]] std::string finish();

 private:
  void begin();

  std::string shared_;
  std::string bytes_;
  std::uint32_t count_ = 0;
};

/// Fills in the publisher's part of a header and renews its checksum.
void set_batch_origin(char* batch, const BatchOrigin& origin);

/// Fills in the sidecar's part of a header and renews its checksum, which is returned.
std::uint64_t set_batch_place(char* batch, const BatchPlace& place);

/// A gap record of `count` sequences (≥ 1), place unset.
[[nodiscard]] std::string make_gap_record(const Incarnation& incarnation, std::uint64_t count,
                                          std::string_view reason);

}  // namespace forebay
