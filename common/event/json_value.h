// Between one msgpack value and JSON, both ways.
//
// Integers are exact (int64 and uint64). Binary is {"$base64": text}, an extension {"$base64":
// text, "$ext": type}, a map that is no JSON object (with a key that is no text or stands twice, or
// one that looks like these wrappers) {"$map": [[key, value], …]}. Only what JSON cannot hold is
// lost: text that is not UTF-8 is printed with U+FFFD in its place, infinities and NaN as null.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace forebay {

/// Keeps the order of a map's keys.
using Json = nlohmann::ordered_json;

/// Text to Json. kBadInput says what and where: not JSON or not UTF-8, nested deeper than any
/// event prints, a key that stands twice in one object, or a number that 64 bits do not hold.
[[nodiscard]] Result<Json> parse_json(std::string_view text);

/// One line, no spaces.
[[nodiscard]] std::string print_json(const Json& value);

/// kCorruption if `encoded` is not exactly one sound msgpack value.
[[nodiscard]] Result<Json> json_from_msgpack(std::string_view encoded);

/// kBadInput for a wrapper that is not of its form.
[[nodiscard]] Result<std::string> msgpack_from_json(const Json& value);

}  // namespace forebay
