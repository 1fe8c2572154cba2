// Text that came from outside, for logs and terminals: whoever writes a line, or what a terminal
// obeys, into a name or message changes nothing but its own text.
#pragma once

#include <string>
#include <string_view>

namespace forebay {

/// `text` with '?' for every control character, those of UTF-8 beyond ASCII among them. `kept`: one
/// that stays.
[[nodiscard]] std::string printable(std::string_view text, char kept = '?');

}  // namespace forebay
