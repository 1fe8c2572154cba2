#include "common/wire/beacon.h"

#include <rapidcheck/catch.h>

#include <catch2/catch.hpp>
#include <optional>

#include "common/base/bytes.h"
#include "common/base/limits.h"

namespace forebay {
namespace {

using namespace std::string_literals;
using std::chrono::milliseconds;

constexpr std::size_t kProducersAt = 5;

Beacon sample(std::size_t producers) {
  Beacon beacon;
  beacon.incarnation = Incarnation::random();
  beacon.boot = BootId::random();
  beacon.head = Sequence{20};
  beacon.oldest = Sequence{3};
  beacon.commit_time = wall_from_unix_ns(-5);
  beacon.head_checksum = UINT64_MAX;
  beacon.next_due = milliseconds(200);
  for (std::size_t i = 0; i < producers; ++i) {
    beacon.producers.push_back({ProducerId{i + 1}, milliseconds(1000 - i)});
  }
  return beacon;
}

/// `bytes` with a checksum that agrees.
std::string resealed(std::string bytes) {
  bytes.resize(bytes.size() - 8);
  append_le(bytes, checksum(bytes));
  return bytes;
}

std::optional<ErrorCode> refusal(std::string_view bytes) {
  const auto beacon = decode_beacon(bytes);
  if (beacon) return std::nullopt;
  return beacon.error().code;
}

TEST_CASE("BeaconsRoundTrip") {
  const auto producers = GENERATE(std::size_t{0}, std::size_t{1}, limits::kBeaconProducersMax);
  const Beacon beacon = sample(producers);
  const std::string bytes = encode_beacon(beacon);
  CHECK(is_beacon(bytes));
  const auto decoded = decode_beacon(bytes);
  REQUIRE(decoded.has_value());
  CHECK(decoded->incarnation == beacon.incarnation);
  CHECK(decoded->boot == beacon.boot);
  CHECK(decoded->head == beacon.head);
  CHECK(decoded->oldest == beacon.oldest);
  CHECK(decoded->commit_time == beacon.commit_time);
  CHECK(decoded->head_checksum == beacon.head_checksum);
  CHECK(decoded->next_due == beacon.next_due);
  REQUIRE(decoded->producers.size() == producers);
  for (std::size_t i = 0; i < producers; ++i) {
    CHECK(decoded->producers[i].producer == beacon.producers[i].producer);
    CHECK(decoded->producers[i].silent == beacon.producers[i].silent);
  }
}

TEST_CASE("AProducerSilentForMonthsCountsAsTheMostTheFieldHolds") {
  Beacon beacon = sample(1);
  beacon.producers[0].silent = std::chrono::hours(24 * 365);
  CHECK(decode_beacon(encode_beacon(beacon))->producers[0].silent == milliseconds(UINT32_MAX));
}

TEST_CASE("AFlippedBitInABeaconIsSeen") {
  const std::string sound = encode_beacon(sample(2));
  for (std::size_t at = 0; at < sound.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = sound;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      INFO("byte " << at << " bit " << bit);
      CHECK(refusal(damaged) == (at == 4 ? ErrorCode::kVersion : ErrorCode::kCorruption));
    }
  }
}

TEST_CASE("ABeaconOfTheWrongSizeIsRefused") {
  const std::string sound = encode_beacon(sample(2));
  for (std::size_t size = 0; size < sound.size(); ++size) {
    CHECK(refusal(sound.substr(0, size)) == ErrorCode::kCorruption);
  }
  CHECK(refusal(sound + '\0') == ErrorCode::kCorruption);
}

TEST_CASE("AProducerCountThatIsNotThatOfTheEntriesIsRefused") {
  for (const int count : {0, 1, 3, 16, 255}) {
    std::string bytes = encode_beacon(sample(2));
    bytes[kProducersAt] = static_cast<char>(count);
    CHECK(refusal(resealed(bytes)) == ErrorCode::kCorruption);
  }
  // Seventeen, and seventeen entries.
  std::string bytes = encode_beacon(sample(16));
  bytes.insert(bytes.size() - 8, 16, '\0');
  bytes[kProducersAt] = 17;
  CHECK(refusal(resealed(bytes)) == ErrorCode::kCorruption);
}

TEST_CASE("RandomBytesAreNoBeacon") {
  rc::prop("neither as they are nor behind a magic", [](const std::string& bytes) {
    RC_ASSERT(!decode_beacon(bytes).has_value());
    RC_ASSERT(!decode_beacon("FBCN\x01\x00"s + bytes).has_value());
  });
}

}  // namespace
}  // namespace forebay
