#include "common/base/ids.h"

#include <sys/random.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "common/base/bytes.h"

namespace forebay {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

template <class Tag>
std::string RandomId<Tag>::hex() const {
  return to_hex(view());
}

template <class Tag>
RandomId<Tag> RandomId<Tag>::random() {
  RandomId id;
  FOREBAY_INVARIANT(::getrandom(id.bytes.data(), kSize, 0) == static_cast<ssize_t>(kSize));
  return id;
}

template <class Tag>
Result<RandomId<Tag>> RandomId<Tag>::from_bytes(std::string_view raw) {
  if (raw.size() != kSize) {
    return fail(ErrorCode::kBadInput, "an id has 16 bytes, this one " + std::to_string(raw.size()));
  }
  RandomId id;
  std::copy(raw.begin(), raw.end(), id.bytes.begin());
  return id;
}

template <class Tag>
Result<RandomId<Tag>> RandomId<Tag>::from_hex(std::string_view text) {
  RandomId id;
  bool sound = text.size() == 2 * kSize;
  for (std::size_t i = 0; sound && i < kSize; ++i) {
    const int high = hex_digit(text[2 * i]);
    const int low = hex_digit(text[2 * i + 1]);
    sound = high >= 0 && low >= 0;
    if (sound) id.bytes[i] = static_cast<char>(high * 16 + low);
  }
  if (!sound) {
    return fail(ErrorCode::kBadInput,
                "'" + std::string(text.substr(0, 64)) + "' is not an id of 32 hex digits");
  }
  return id;
}

std::string hex(ProducerId id) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(id.value));
  return text;
}

template struct RandomId<IncarnationTag>;
template struct RandomId<BootIdTag>;
template struct RandomId<InstanceIdTag>;

std::string Position::token() const {
  return incarnation.hex() + ":" + std::to_string(sequence.value);
}

Result<Position> Position::from_token(std::string_view token) {
  const auto colon = token.find(':');
  const auto bad = [&] {
    return fail(ErrorCode::kBadInput, "'" + std::string(token.substr(0, 64)) +
                                          "' is not a token: expected <32 hex digits>:<sequence>");
  };
  if (colon == std::string_view::npos) return bad();
  auto incarnation = Incarnation::from_hex(token.substr(0, colon));
  if (!incarnation) return bad();
  Position position{*incarnation, {}};
  const char* end = token.data() + token.size();
  const auto [stop, error] =
      std::from_chars(token.data() + colon + 1, end, position.sequence.value);
  if (error != std::errc{} || stop != end) return bad();
  return position;
}

bool is_key(std::string_view text) {
  static constexpr std::string_view kDigits =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
  constexpr std::size_t kCharacters = 40, kGroup = 5;  // five stand for four bytes
  if (text.size() != kCharacters) return false;
  std::uint64_t group = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t digit = kDigits.find(text[i]);
    if (digit == std::string_view::npos) return false;
    group = (i % kGroup == 0 ? 0 : group * kDigits.size()) + digit;
    if (group > 0xffff'ffff) return false;
  }
  return true;
}

bool is_name(std::string_view name) {
  const auto letter_or_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  const auto allowed = [&](char c) {
    return letter_or_digit(c) || c == '.' || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= 64 && letter_or_digit(name[0]) &&
         std::all_of(name.begin(), name.end(), allowed);
}

}  // namespace forebay
