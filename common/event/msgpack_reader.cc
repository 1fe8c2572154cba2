#include "common/event/msgpack_reader.h"

#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

namespace forebay {
namespace {

/// Takes a big-endian unsigned integer off the front.
template <class T>
std::optional<T> take(std::string_view& rest) {
  if (rest.size() < sizeof(T)) return std::nullopt;
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(static_cast<std::uint64_t>(value) << 8 |
                           static_cast<unsigned char>(rest[i]));
  }
  rest.remove_prefix(sizeof(T));
  return value;
}

template <class T>
std::optional<MsgpackToken> integer(std::string_view& rest) {
  const auto raw = take<std::make_unsigned_t<T>>(rest);
  if (!raw) return std::nullopt;
  if constexpr (std::is_same_v<T, std::uint64_t>) {
    if (*raw > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return MsgpackToken{MsgpackKind::kUnsigned, 0, 0, {}};
    }
  }
  return MsgpackToken{
      MsgpackKind::kInteger, 0, static_cast<std::int64_t>(static_cast<T>(*raw)), {}};
}

std::optional<MsgpackToken> bytes(MsgpackKind kind, std::optional<std::uint64_t> size,
                                  std::string_view& rest) {
  if (!size || *size > rest.size()) return std::nullopt;
  const MsgpackToken token{kind, 0, 0, rest.substr(0, *size)};
  rest.remove_prefix(*size);
  return token;
}

std::optional<MsgpackToken> container(MsgpackKind kind, std::optional<std::uint32_t> count,
                                      std::string_view rest) {
  if (!count) return std::nullopt;
  const MsgpackToken token{kind, *count, 0, {}};
  if (token.children() > rest.size()) return std::nullopt;  // each takes a byte at least
  return token;
}

/// An extension's type byte belongs to its size.
std::optional<std::uint64_t> with_type(std::optional<std::uint64_t> size) {
  if (size) ++*size;
  return size;
}

std::optional<MsgpackToken> read(std::string_view& rest) {
  using enum MsgpackKind;
  const auto first = take<std::uint8_t>(rest);
  if (!first) return std::nullopt;
  const std::uint8_t tag = *first;
  if (tag <= 0x7f) return MsgpackToken{kInteger, 0, tag, {}};
  if (tag <= 0x8f) return container(kMap, tag & 0x0fu, rest);
  if (tag <= 0x9f) return container(kArray, tag & 0x0fu, rest);
  if (tag <= 0xbf) return bytes(kText, tag & 0x1fu, rest);
  if (tag >= 0xe0) return MsgpackToken{kInteger, 0, static_cast<std::int8_t>(tag), {}};
  switch (tag) {
    case 0xc0:
      return MsgpackToken{};
    case 0xc2:
      return MsgpackToken{kBoolean, 0, 0, {}};
    case 0xc3:
      return MsgpackToken{kBoolean, 0, 1, {}};
    case 0xc4:
      return bytes(kBinary, take<std::uint8_t>(rest), rest);
    case 0xc5:
      return bytes(kBinary, take<std::uint16_t>(rest), rest);
    case 0xc6:
      return bytes(kBinary, take<std::uint32_t>(rest), rest);
    case 0xc7:
      return bytes(kExtension, with_type(take<std::uint8_t>(rest)), rest);
    case 0xc8:
      return bytes(kExtension, with_type(take<std::uint16_t>(rest)), rest);
    case 0xc9:
      return bytes(kExtension, with_type(take<std::uint32_t>(rest)), rest);
    case 0xca:
      return bytes(kFloat, 4, rest);
    case 0xcb:
      return bytes(kFloat, 8, rest);
    case 0xcc:
      return integer<std::uint8_t>(rest);
    case 0xcd:
      return integer<std::uint16_t>(rest);
    case 0xce:
      return integer<std::uint32_t>(rest);
    case 0xcf:
      return integer<std::uint64_t>(rest);
    case 0xd0:
      return integer<std::int8_t>(rest);
    case 0xd1:
      return integer<std::int16_t>(rest);
    case 0xd2:
      return integer<std::int32_t>(rest);
    case 0xd3:
      return integer<std::int64_t>(rest);
    case 0xd4:
      return bytes(kExtension, 2, rest);
    case 0xd5:
      return bytes(kExtension, 3, rest);
    case 0xd6:
      return bytes(kExtension, 5, rest);
    case 0xd7:
      return bytes(kExtension, 9, rest);
    case 0xd8:
      return bytes(kExtension, 17, rest);
    case 0xd9:
      return bytes(kText, take<std::uint8_t>(rest), rest);
    case 0xda:
      return bytes(kText, take<std::uint16_t>(rest), rest);
    case 0xdb:
      return bytes(kText, take<std::uint32_t>(rest), rest);
    case 0xdc:
      return container(kArray, take<std::uint16_t>(rest), rest);
    case 0xdd:
      return container(kArray, take<std::uint32_t>(rest), rest);
    case 0xde:
      return container(kMap, take<std::uint16_t>(rest), rest);
    case 0xdf:
      return container(kMap, take<std::uint32_t>(rest), rest);
    default:
      return std::nullopt;  // 0xc1 is not used
  }
}

}  // namespace

std::optional<MsgpackToken> MsgpackReader::next() {
  std::string_view rest = rest_;
  auto token = read(rest);
  if (token) rest_ = rest;
  return token;
}

std::optional<std::string_view> MsgpackReader::value() {
  const std::string_view start = rest_;
  for (std::uint64_t pending = 1; pending > 0; --pending) {
    const auto token = next();
    if (!token) return std::nullopt;
    pending += token->children();
  }
  return start.substr(0, start.size() - rest_.size());
}

}  // namespace forebay
