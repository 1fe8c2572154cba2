// What another program prints.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace forebay {

struct CommandOutput {
  std::string text;       // stdout, the last lines of it
  bool cut = false;       // there was more before them
  std::string said = {};  // stderr, likewise: a line, its last
};

/// Runs argv[0], as PATH has it, with nothing on stdin. kNotFound if there is no such program, kIo if
/// it fails, with what it said last, kTimeout if it is not done in time, and ended then. Keeps at most
/// `bytes_max`, in whole lines.
[[nodiscard]] Result<CommandOutput> output_of(const std::vector<std::string>& argv,
                                              std::size_t bytes_max,
                                              std::chrono::milliseconds timeout);

}  // namespace forebay
