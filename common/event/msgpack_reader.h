// Reads msgpack front to back without building objects: nothing is allocated, text and binary are
// borrowed, and no declared length is believed past the bytes that are there. For input that may be
// hostile. Not a general decoder: the values of floats and extensions are passed over.
//
//   MsgpackReader reader(data);
//   while (auto token = reader.next()) …
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace forebay {

enum class MsgpackKind : std::uint8_t {
  kNil,
  kBoolean,
  kInteger,   // fits in 64 bits with sign
  kUnsigned,  // an integer above that
  kFloat,
  kText,
  kBinary,
  kExtension,
  kArray,
  kMap,
};

/// One value; of an array or map only its head, its elements follow as tokens of their own.
struct MsgpackToken {
  MsgpackKind kind = MsgpackKind::kNil;
  std::uint32_t count = 0;   // kArray: elements; kMap: pairs
  std::int64_t integer = 0;  // kInteger; kBoolean: 0 or 1
  std::string_view bytes;    // kText, kBinary

  /// How many values follow that belong to this one.
  [[nodiscard]] std::uint64_t children() const {
    return kind == MsgpackKind::kMap ? std::uint64_t{2} * count : count;
  }
};

class MsgpackReader {
 public:
  explicit MsgpackReader(std::string_view bytes) : rest_(bytes) {}

  /// The next token; nullopt where the bytes end, are not msgpack, or declare more than follows.
  /// Then `rest()` stands at the token that could not be read.
  [[nodiscard]] std::optional<MsgpackToken> next();
  /// Passes over the next value with all that belongs to it; its bytes, or nullopt as above.
  [[nodiscard]] std::optional<std::string_view> value();
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace forebay
