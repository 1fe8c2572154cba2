// The small records of the log: docs/log-format.md. Each ends in a checksum and is refused as
// corruption without it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"

namespace forebay {

struct ConsumerRecord;

struct StreamRecord {
  /// A log that this one was made of, by restore or repair, under the incarnation that it had.
  struct Ancestor {
    Incarnation incarnation;
    Sequence shared;  // up to there this log holds what that one did, or a gap
    friend bool operator==(const Ancestor&, const Ancestor&) = default;
  };

  Incarnation incarnation;
  Sequence next{1};
  Sequence oldest{1};  // = next: nothing is held
  WallTime last_commit_time{};
  std::uint64_t last_checksum = 0;  // header checksum of the last batch committed; 0: none ever
  std::uint64_t bytes = 0;          // of the batches held
  std::uint64_t lost = 0;           // sequences held as gap records
  std::vector<Ancestor> ancestors;  // the newest last

  [[nodiscard]] Sequence head() const { return next - 1; }
  /// Up to where what was read of incarnation `of` is certain to be what this log holds; 0 for one
  /// that it was not made of. Of one that was rolled back since, and of its own, which was if that is
  /// asked: no further than where that one began.
  [[nodiscard]] Sequence shared_with(const Incarnation& of, bool rolled_back) const;
  /// How much of this log the consumer has certainly read: less than its cursor, if it read another.
  [[nodiscard]] Sequence read_by(const ConsumerRecord& consumer) const;
};

struct ProducerRecord {
  InstanceId instance;
  Epoch epoch;
  bool departed = false;      // said goodbye
  ProducerSequence start;     // last committed before this epoch
  ProducerSequence position;  // last committed
  Sequence sequence;          // of the event at position; 0: none
  std::uint64_t fingerprint = 0;
  WallTime time{};  // of its last commit or registration
  std::string stream;
  std::string name;  // empty: anonymous

  [[nodiscard]] bool anonymous() const { return name.empty(); }
};

struct ConsumerRecord {
  Incarnation incarnation;
  Sequence start;  // the cursor it began with
  Sequence cursor;
  std::uint64_t lost = 0;
  std::uint64_t failed = 0;
  WallTime time{};           // of its last report
  bool rolled_back = false;  // what it read of its incarnation is not what a log of that held later
};

/// What the wall clock was last vouched for by, and whether it is doubted since (retention.h).
struct ClockRecord {
  WallTime wall{};        // when it was in order…
  MonoTime since_boot{};  // …and the time since boot then
  bool doubted = false;
  std::string host_boot;  // in which since_boot counts
  friend bool operator==(const ClockRecord&, const ClockRecord&) = default;
};

[[nodiscard]] std::string encode_record(const ClockRecord& record);
[[nodiscard]] Result<ClockRecord> decode_clock_record(std::string_view bytes);
[[nodiscard]] std::string encode_record(const StreamRecord& record);
[[nodiscard]] std::string encode_record(const ProducerRecord& record);
[[nodiscard]] std::string encode_record(const ConsumerRecord& record);
[[nodiscard]] Result<StreamRecord> decode_stream_record(std::string_view bytes);
[[nodiscard]] Result<ProducerRecord> decode_producer_record(std::string_view bytes);
[[nodiscard]] Result<ConsumerRecord> decode_consumer_record(std::string_view bytes);

}  // namespace forebay
