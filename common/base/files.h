// Files whose names must outlast a crash.
#pragma once

#include <string>

#include "common/base/result.h"

namespace forebay {

/// Makes durable which names the folder has: what was made, renamed or linked in it. kIo.
[[nodiscard]] Result<void> sync_folder(const std::string& path);

/// Makes the folder and those above it, if they are not there, and gives it mode 0700. Its name and
/// that of the folder above outlast a crash. kIo.
[[nodiscard]] Result<void> make_private_folder(const std::string& path);

}  // namespace forebay
