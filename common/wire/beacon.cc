#include "common/wire/beacon.h"

#include <algorithm>

#include "common/base/bytes.h"
#include "common/base/limits.h"

namespace forebay {
namespace {

constexpr std::string_view kMagic = "FBCN";
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kProducersAt = 5;
constexpr std::size_t kIncarnationAt = 8;
constexpr std::size_t kBootAt = 24;
constexpr std::size_t kHeadAt = 40;
constexpr std::size_t kOldestAt = 48;
constexpr std::size_t kCommitTimeAt = 56;
constexpr std::size_t kHeadChecksumAt = 64;
constexpr std::size_t kNextDueAt = 72;
constexpr std::size_t kLivenessAt = 80;
constexpr std::size_t kLivenessBytes = 16;
constexpr std::size_t kChecksumBytes = 8;

}  // namespace

bool is_beacon(std::string_view body) { return body.starts_with(kMagic); }

std::string encode_beacon(const Beacon& beacon) {
  FOREBAY_INVARIANT(beacon.producers.size() <= limits::kBeaconProducersMax);
  std::string bytes(kLivenessAt, '\0');
  char* at = bytes.data();
  kMagic.copy(at, kMagic.size());
  store_le(at + kVersionAt, kVersion);
  store_le(at + kProducersAt, static_cast<std::uint8_t>(beacon.producers.size()));
  std::copy(beacon.incarnation.bytes.begin(), beacon.incarnation.bytes.end(), at + kIncarnationAt);
  std::copy(beacon.boot.bytes.begin(), beacon.boot.bytes.end(), at + kBootAt);
  store_le(at + kHeadAt, beacon.head.value);
  store_le(at + kOldestAt, beacon.oldest.value);
  store_le(at + kCommitTimeAt, unix_ns(beacon.commit_time));
  store_le(at + kHeadChecksumAt, beacon.head_checksum);
  store_le(at + kNextDueAt, static_cast<std::uint32_t>(beacon.next_due.count()));
  for (const Beacon::Liveness& producer : beacon.producers) {
    append_le(bytes, producer.producer.value);
    append_le(bytes, static_cast<std::uint32_t>(
                         std::min<std::int64_t>(producer.silent.count(), UINT32_MAX)));
    append_le(bytes, std::uint32_t{0});
  }
  append_le(bytes, checksum(bytes));
  return bytes;
}

Result<Beacon> decode_beacon(std::string_view bytes) {
  if (!is_beacon(bytes) || bytes.size() < kLivenessAt + kChecksumBytes) {
    return fail(ErrorCode::kCorruption, "not a beacon");
  }
  const char* at = bytes.data();
  if (load_le<std::uint8_t>(at + kVersionAt) != kVersion) {
    return fail(ErrorCode::kVersion, "a beacon of an unknown version");
  }
  const std::size_t producers = load_le<std::uint8_t>(at + kProducersAt);
  const std::size_t checksum_at = kLivenessAt + producers * kLivenessBytes;
  if (producers > limits::kBeaconProducersMax || bytes.size() != checksum_at + kChecksumBytes ||
      load_le<std::uint64_t>(at + checksum_at) != checksum(bytes.substr(0, checksum_at))) {
    return fail(ErrorCode::kCorruption, "a beacon that fails its checksum");
  }
  Beacon beacon;
  std::copy_n(at + kIncarnationAt, Incarnation::kSize, beacon.incarnation.bytes.begin());
  std::copy_n(at + kBootAt, BootId::kSize, beacon.boot.bytes.begin());
  beacon.head.value = load_le<std::uint64_t>(at + kHeadAt);
  beacon.oldest.value = load_le<std::uint64_t>(at + kOldestAt);
  beacon.commit_time = wall_from_unix_ns(load_le<std::int64_t>(at + kCommitTimeAt));
  beacon.head_checksum = load_le<std::uint64_t>(at + kHeadChecksumAt);
  beacon.next_due = std::chrono::milliseconds(load_le<std::uint32_t>(at + kNextDueAt));
  for (std::size_t i = 0; i < producers; ++i) {
    const char* entry = at + kLivenessAt + i * kLivenessBytes;
    beacon.producers.push_back({ProducerId{load_le<std::uint64_t>(entry)},
                                std::chrono::milliseconds(load_le<std::uint32_t>(entry + 8))});
  }
  return beacon;
}

}  // namespace forebay
