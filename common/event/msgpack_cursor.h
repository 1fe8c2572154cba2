// Reads msgpack values one after the other, in place: the fixed grammar of an event's envelope,
// where the bounds of `data` in the buffer matter, which msgpack-c's visitors do not tell. Values
// of any shape are skipped by msgpack-c with a visitor that allocates nothing per element and
// bounds depth. Nothing declared is trusted: a count or length that the remaining bytes cannot hold
// ends the reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace forebay {

class MsgpackCursor {
 public:
  explicit MsgpackCursor(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] bool at_end() const { return at_ == bytes_.size(); }
  [[nodiscard]] std::size_t offset() const { return at_; }

  // Each takes the next value if it is of that kind, else leaves the cursor where it is and returns
  // nullopt.
  [[nodiscard]] std::optional<std::size_t> array();  // element count; the elements follow
  [[nodiscard]] std::optional<std::size_t> map();    // entry count; keys and values follow
  [[nodiscard]] std::optional<std::string_view> text();
  [[nodiscard]] std::optional<std::int64_t> integer();  // any msgpack integer that an int64 holds
  [[nodiscard]] std::optional<bool> boolean();
  [[nodiscard]] bool nil();
  /// The bytes of the next value, whatever it is, at most limits::kMsgpackDepthMax deep.
  [[nodiscard]] std::optional<std::string_view> any();

 private:
  [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }
  /// A big-endian unsigned of `width` bytes after the tag, or nullopt if it is not all there.
  [[nodiscard]] std::optional<std::uint64_t> number_after_tag(std::size_t width) const;
  /// A header whose small form is `fix` with `fix_mask`, and whose other forms are `tag16` and the
  /// tag after it.
  [[nodiscard]] std::optional<std::size_t> header(unsigned char fix, unsigned char fix_mask,
                                                  unsigned char tag16, std::size_t bytes_per_entry);

  std::string_view bytes_;
  std::size_t at_ = 0;
};

}  // namespace forebay
