// Sets up spdlog's default logger, which everything logs through.
#pragma once

#include <string>

namespace forebay {

/// To stderr, one line an entry: time, level, `process`, message. The level comes from $FOREBAY_LOG
/// (trace … off), default info.
void set_up_logging(const std::string& process);

}  // namespace forebay
