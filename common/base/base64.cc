#include "common/base/base64.h"

#include <algorithm>
#include <cstdint>

namespace forebay {
namespace {
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out.push_back(k <= have ? kAlphabet[group >> (18 - 6 * k) & 63] : '=');
    }
  }
  return out;
}

Result<std::string> from_base64(std::string_view text) {
  const auto bad = [] { return fail(ErrorCode::kBadInput, "not base64 (RFC 4648, padded)"); };
  if (text.size() % 4 != 0) return bad();
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    std::size_t padding = 0;
    if (last && text[i + 3] == '=') padding = text[i + 2] == '=' ? 2 : 1;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const std::size_t digit = k < 4 - padding ? kAlphabet.find(text[i + k]) : 0;
      if (digit == std::string_view::npos) return bad();
      group = group << 6 | static_cast<std::uint32_t>(digit);
    }
    // Bits past the last byte are zero, so that no two texts mean the same.
    if ((group & ((1u << 8 * padding) - 1)) != 0) return bad();
    for (std::size_t k = 0; k < 3 - padding; ++k) {
      out.push_back(static_cast<char>(group >> (16 - 8 * k) & 255));
    }
  }
  return out;
}

}  // namespace forebay
