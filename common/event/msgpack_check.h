// The check that msgpack from outside passes before anything is built of it: an array is otherwise
// allocated from the count it declares, and five bytes can ask for gigabytes.
#pragma once

#include <string_view>

#include "common/base/result.h"

namespace forebay {

/// Whether `bytes` are exactly one msgpack value, with arrays and maps nested at most
/// limits::kMsgpackDepthMax deep and no count or length that the bytes do not bear out. Allocates
/// nothing unless it refuses; kBadInput then, with the place.
[[nodiscard]] Result<void> check_msgpack(std::string_view bytes);

}  // namespace forebay
