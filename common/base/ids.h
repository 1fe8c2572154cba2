// The identities of docs/protocol.md as types that cannot be mixed up.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace forebay {

/// A number with a meaning. Distinct tags do not compare or convert; `.value` is the way out.
template <class Tag, class T = std::uint64_t>
struct Number {
  T value = 0;
  friend auto operator<=>(const Number&, const Number&) = default;
};

/// An event's position in its stream, dense from 1; 0 means "before the first".
using Sequence = Number<struct SequenceTag>;
/// One publishing identity of one stream; assigned by the sidecar, from 1.
using ProducerId = Number<struct ProducerIdTag>;
/// 16 lower-case hex digits, as in the ids of events; a JSON number would be rounded by readers.
[[nodiscard]] std::string hex(ProducerId id);
/// Which of the successive publishers of that identity; from 1.
using Epoch = Number<struct EpochTag, std::uint32_t>;
/// A producer's own numbering of its events within the stream; increasing, gaps allowed.
using ProducerSequence = Number<struct ProducerSequenceTag>;

[[nodiscard]] constexpr Sequence operator+(Sequence at, std::uint64_t count) {
  return Sequence{at.value + count};
}
[[nodiscard]] constexpr Sequence operator-(Sequence at, std::uint64_t count) {
  return Sequence{at.value - count};
}

/// 16 random bytes with a meaning. All zero means "none".
template <class Tag>
struct RandomId {
  static constexpr std::size_t kSize = 16;
  std::array<char, kSize> bytes{};

  [[nodiscard]] std::string_view view() const { return {bytes.data(), kSize}; }
  [[nodiscard]] bool none() const { return bytes == std::array<char, kSize>{}; }
  /// 32 lower-case hex digits.
  [[nodiscard]] std::string hex() const;
  /// From the operating system's random source.
  [[nodiscard]] static RandomId random();
  /// kBadInput unless `raw` has 16 bytes.
  [[nodiscard]] static Result<RandomId> from_bytes(std::string_view raw);
  /// kBadInput unless `text` is 32 hex digits.
  [[nodiscard]] static Result<RandomId> from_hex(std::string_view text);

  friend auto operator<=>(const RandomId&, const RandomId&) = default;
};

/// A stream's log as it was created, restored or repaired.
using Incarnation = RandomId<struct IncarnationTag>;
/// One run of a sidecar over its store.
using BootId = RandomId<struct BootIdTag>;
/// One publisher object in one process.
using InstanceId = RandomId<struct InstanceIdTag>;

struct RandomIdHash {
  template <class Tag>
  std::size_t operator()(const RandomId<Tag>& id) const {
    return std::hash<std::string_view>{}(id.view());
  }
};

/// A position that is meaningful outside its stream's current log. As text (a "token"):
/// `<incarnation hex>:<sequence>`.
struct Position {
  Incarnation incarnation;
  Sequence sequence;

  [[nodiscard]] std::string token() const;
  [[nodiscard]] static Result<Position> from_token(std::string_view token);
  friend bool operator==(const Position&, const Position&) = default;
};

/// Whether `name` may name a stream, sidecar, node, host or producer: 1 to 64 of a–z, 0–9, '.', '_'
/// and '-', the first a letter or digit. Such names are safe as file names, topics and metric
/// labels.
[[nodiscard]] bool is_name(std::string_view name);
/// Whether the text could be a CURVE key: 32 bytes as 40 characters of Z85 (ZeroMQ RFC 32).
[[nodiscard]] bool is_key(std::string_view text);

}  // namespace forebay
