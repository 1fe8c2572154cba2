// Sets up spdlog's default logger, which everything logs through. Control characters in a message
// are shown as '?' (printable.h).
#pragma once

#include <string>

namespace forebay {

/// To stderr, one line an entry: time, level, `process`, message. The level comes from $FOREBAY_LOG
/// (trace … off), default info.
void set_up_logging(const std::string& process);

/// For a tool: what the library has to say as a line of `tool`'s own on stderr, warnings and worse
/// unless $FOREBAY_LOG says otherwise.
void set_up_tool_logging(const std::string& tool);

}  // namespace forebay
