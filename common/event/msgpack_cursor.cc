#include "common/event/msgpack_cursor.h"

#include <limits>
#include <msgpack.hpp>

#include "common/base/limits.h"

namespace forebay {
namespace {

/// Accepts any well-formed value up to the depth limit whose counts the remaining bytes can hold.
class BoundsVisitor : public msgpack::null_visitor {
 public:
  explicit BoundsVisitor(std::size_t bytes) : elements_left_(bytes) {}

  bool start_array(std::uint32_t count) { return enter(count); }
  bool end_array() { return leave(); }
  bool start_map(std::uint32_t count) { return enter(std::uint64_t{count} * 2); }
  bool end_map() { return leave(); }
  void parse_error(std::size_t, std::size_t) {}
  void insufficient_bytes(std::size_t, std::size_t) {}

 private:
  /// Each element takes a byte at least, so all counts together cannot exceed the bytes there are.
  bool enter(std::uint64_t count) {
    if (count > elements_left_ || ++depth_ > limits::kMsgpackDepthMax) return false;
    elements_left_ -= count;
    return true;
  }
  bool leave() {
    --depth_;
    return true;
  }

  std::uint64_t elements_left_;
  int depth_ = 0;
};

}  // namespace

std::optional<std::uint64_t> MsgpackCursor::number_after_tag(std::size_t width) const {
  if (left() < 1 + width) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 1; i <= width; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes_[at_ + i]);
  }
  return value;
}

std::optional<std::size_t> MsgpackCursor::header(unsigned char fix, unsigned char fix_mask,
                                                 unsigned char tag16, std::size_t bytes_per_entry) {
  if (left() == 0) return std::nullopt;
  const auto tag = static_cast<unsigned char>(bytes_[at_]);
  std::uint64_t count = 0;
  std::size_t size = 1;
  if ((tag & fix_mask) == fix) {
    count = tag & static_cast<unsigned char>(~fix_mask);
  } else if (tag == tag16 || tag == tag16 + 1) {
    const std::size_t width = tag == tag16 ? 2 : 4;
    const auto number = number_after_tag(width);
    if (!number) return std::nullopt;
    count = *number;
    size += width;
  } else {
    return std::nullopt;
  }
  if (count * bytes_per_entry > left() - size) return std::nullopt;
  at_ += size;
  return count;
}

std::optional<std::size_t> MsgpackCursor::array() { return header(0x90, 0xf0, 0xdc, 1); }
std::optional<std::size_t> MsgpackCursor::map() { return header(0x80, 0xf0, 0xde, 2); }

std::optional<std::string_view> MsgpackCursor::text() {
  const std::size_t start = at_;
  std::optional<std::size_t> length = header(0xa0, 0xe0, 0xda, 1);
  if (!length && left() > 0 && static_cast<unsigned char>(bytes_[at_]) == 0xd9) {
    length = number_after_tag(1);
    if (length) at_ += 2;
  }
  if (!length || *length > left()) {
    at_ = start;
    return std::nullopt;
  }
  const std::string_view value = bytes_.substr(at_, *length);
  at_ += *length;
  return value;
}

std::optional<std::int64_t> MsgpackCursor::integer() {
  if (left() == 0) return std::nullopt;
  const auto tag = static_cast<unsigned char>(bytes_[at_]);
  if (tag <= 0x7f || tag >= 0xe0) {
    ++at_;
    return static_cast<std::int8_t>(tag);
  }
  if (tag < 0xcc || tag > 0xd3) return std::nullopt;
  const std::size_t width = std::size_t{1} << (tag & 3);
  const auto number = number_after_tag(width);
  if (!number) return std::nullopt;
  std::int64_t value = static_cast<std::int64_t>(*number);
  const bool is_signed = tag >= 0xd0;
  if (!is_signed &&
      *number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return std::nullopt;
  }
  if (is_signed && width < 8) {  // sign extension
    const unsigned shift = static_cast<unsigned>(64 - 8 * width);
    value = static_cast<std::int64_t>(*number << shift) >> shift;
  }
  at_ += 1 + width;
  return value;
}

std::optional<bool> MsgpackCursor::boolean() {
  if (left() == 0 || (static_cast<unsigned char>(bytes_[at_]) & 0xfe) != 0xc2) return std::nullopt;
  return static_cast<unsigned char>(bytes_[at_++]) == 0xc3;
}

bool MsgpackCursor::nil() {
  if (left() == 0 || static_cast<unsigned char>(bytes_[at_]) != 0xc0) return false;
  ++at_;
  return true;
}

std::optional<std::string_view> MsgpackCursor::any() {
  BoundsVisitor visitor(left());
  std::size_t offset = at_;
  if (!msgpack::parse(bytes_.data(), bytes_.size(), offset, visitor)) return std::nullopt;
  const std::string_view value = bytes_.substr(at_, offset - at_);
  at_ = offset;
  return value;
}

}  // namespace forebay
