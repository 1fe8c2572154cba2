// Appends msgpack values to a string, each in its shortest form. The caller keeps the counts:
// map(2) is followed by two keys, each with its value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace forebay {

class MsgpackWriter {
 public:
  /// `out` outlives the writer.
  explicit MsgpackWriter(std::string& out) : out_(out) {}

  void nil() { out_.push_back('\xc0'); }
  void boolean(bool value) { out_.push_back(value ? '\xc3' : '\xc2'); }
  void integer(std::int64_t value) {
    if (value >= 0) {
      unsigned_integer(static_cast<std::uint64_t>(value));
    } else if (value >= -32) {
      big_endian(static_cast<std::uint64_t>(value), 1);
    } else if (value >= INT8_MIN) {
      tagged(0xd0, static_cast<std::uint64_t>(value), 1);
    } else if (value >= INT16_MIN) {
      tagged(0xd1, static_cast<std::uint64_t>(value), 2);
    } else if (value >= INT32_MIN) {
      tagged(0xd2, static_cast<std::uint64_t>(value), 4);
    } else {
      tagged(0xd3, static_cast<std::uint64_t>(value), 8);
    }
  }
  void unsigned_integer(std::uint64_t value) {
    if (value <= 0x7f) {
      big_endian(value, 1);
    } else if (value <= UINT8_MAX) {
      tagged(0xcc, value, 1);
    } else if (value <= UINT16_MAX) {
      tagged(0xcd, value, 2);
    } else if (value <= UINT32_MAX) {
      tagged(0xce, value, 4);
    } else {
      tagged(0xcf, value, 8);
    }
  }
  void text(std::string_view value) {
    if (value.size() <= 31) {
      big_endian(0xa0 | value.size(), 1);
    } else if (value.size() <= UINT8_MAX) {
      tagged(0xd9, value.size(), 1);
    } else if (value.size() <= UINT16_MAX) {
      tagged(0xda, value.size(), 2);
    } else {
      tagged(0xdb, value.size(), 4);
    }
    out_.append(value);
  }
  void array(std::size_t count) { container(0x90, 0xdc, count); }
  void map(std::size_t pairs) { container(0x80, 0xde, pairs); }
  /// One value that is msgpack already.
  void raw(std::string_view value) { out_.append(value); }

 private:
  void big_endian(std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out_.push_back(static_cast<char>(value >> (8 * i)));
  }
  void tagged(unsigned char tag, std::uint64_t value, int bytes) {
    big_endian(tag, 1);
    big_endian(value, bytes);
  }
  void container(unsigned char small, unsigned char large, std::size_t count) {
    if (count <= 15) {
      big_endian(small | count, 1);
    } else if (count <= UINT16_MAX) {
      tagged(large, count, 2);
    } else {
      tagged(static_cast<unsigned char>(large + 1), count, 4);
    }
  }

  std::string& out_;
};

}  // namespace forebay
