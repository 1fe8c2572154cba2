// Offsets of the batch header: docs/protocol.md section 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace forebay::batch_layout {

inline constexpr std::string_view kMagic = "FBAT";
inline constexpr std::uint8_t kVersion = 1;

inline constexpr std::size_t kVersionAt = 4;
inline constexpr std::size_t kKindAt = 5;
inline constexpr std::size_t kReservedAt = 6;
inline constexpr std::size_t kIncarnationAt = 8;
inline constexpr std::size_t kCountAt = 24;
inline constexpr std::size_t kPayloadBytesAt = 32;
inline constexpr std::size_t kEpochAt = 36;
inline constexpr std::size_t kProducerAt = 40;
inline constexpr std::size_t kPreviousProducerSequenceAt = 48;
inline constexpr std::size_t kLastProducerSequenceAt = 56;
inline constexpr std::size_t kBaseSequenceAt = 64;
inline constexpr std::size_t kCommitTimeAt = 72;
inline constexpr std::size_t kPreviousChecksumAt = 80;
inline constexpr std::size_t kPayloadChecksumAt = 88;
inline constexpr std::size_t kHeaderChecksumAt = 96;
inline constexpr std::size_t kHeaderBytes = 104;

/// Each record of the payload (the shared attributes, then the events) has a u32 length before it.
inline constexpr std::size_t kRecordLengthBytes = 4;

}  // namespace forebay::batch_layout
