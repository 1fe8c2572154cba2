// Files whose names must outlast a crash.
#pragma once

#include <string>

#include "common/base/result.h"

namespace forebay {

/// Makes durable which names the folder has: what was made, renamed or linked in it. kIo.
[[nodiscard]] Result<void> sync_folder(const std::string& path);

}  // namespace forebay
