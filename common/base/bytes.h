// Little-endian loads and stores for the fixed layouts of docs/protocol.md and docs/log-format.md.
// Bytes are held in std::string and borrowed as std::string_view throughout; a view never outlives
// what it was taken of.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace forebay {

static_assert(std::endian::native == std::endian::little, "the stored layouts are little-endian");

/// The unsigned integer at `at`; the caller has checked that sizeof(T) bytes are there.
template <class T>
[[nodiscard]] T load_le(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

template <class T>
void store_le(char* at, T value) {
  std::memcpy(at, &value, sizeof(T));
}

template <class T>
void append_le(std::string& out, T value) {
  char raw[sizeof(T)];
  store_le(raw, value);
  out.append(raw, sizeof(T));
}

/// Lower-case hex, two digits a byte.
[[nodiscard]] std::string to_hex(std::string_view bytes);

/// XXH3-64 (seed 0), the checksum of batches, beacons and stored records.
[[nodiscard]] std::uint64_t checksum(std::string_view bytes);

}  // namespace forebay
