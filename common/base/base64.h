// Base64 (RFC 4648 section 4, padded), for binary values in JSON.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace forebay {

[[nodiscard]] std::string to_base64(std::string_view bytes);
/// kBadInput for anything but what to_base64 gives.
[[nodiscard]] Result<std::string> from_base64(std::string_view text);

}  // namespace forebay
