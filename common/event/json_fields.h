// Fields of JSON that came over a socket, of which nothing is known: what is absent or of another
// type is as if it were empty.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/event/json_value.h"

namespace forebay {

[[nodiscard]] inline std::optional<std::uint64_t> number_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  if (!found->is_number_unsigned() && found->get<std::int64_t>() < 0) return std::nullopt;
  return found->get<std::uint64_t>();
}

/// False, too, if it is absent.
[[nodiscard]] inline bool says(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && *found == true;
}

[[nodiscard]] inline std::string text_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// At most what nanoseconds still count.
[[nodiscard]] inline std::optional<std::chrono::milliseconds> milliseconds_in(const Json& object,
                                                                              const char* key) {
  constexpr std::uint64_t kMax =
      std::chrono::floor<std::chrono::milliseconds>(std::chrono::nanoseconds::max()).count();
  const auto count = number_in(object, key);
  if (!count) return std::nullopt;
  return std::chrono::milliseconds(std::min(*count, kMax));
}

/// Valid as long as `object`, as the next.
[[nodiscard]] inline const Json& object_in(const Json& object, const char* key) {
  static const Json none = Json::object();
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : none;
}
[[nodiscard]] inline const Json& list_in(const Json& object, const char* key) {
  static const Json none = Json::array();
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : none;
}

}  // namespace forebay
