#include "common/base/printable.h"

namespace forebay {

std::string printable(std::string_view text, char kept) {
  std::string shown(text);
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto byte = static_cast<unsigned char>(shown[i]);
    const auto next = static_cast<unsigned char>(i + 1 < shown.size() ? shown[i + 1] : 0);
    const bool is_two_byte_control = byte == 0xc2 && next >= 0x80 && next < 0xa0;
    if (((byte < ' ' || byte == 0x7f) && shown[i] != kept) || is_two_byte_control)
      shown.replace(i, is_two_byte_control ? 2 : 1, "?");
  }
  return shown;
}

}  // namespace forebay
