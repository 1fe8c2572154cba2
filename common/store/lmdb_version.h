// Which LMDB a process runs with, for reports.
#pragma once

#include <string>

namespace forebay {

/// "LMDB 0.9.24: (July 24, 2019)". Defined in environment.cc.
[[nodiscard]] std::string lmdb_library();

}  // namespace forebay
