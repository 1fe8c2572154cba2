// Sets up spdlog's default logger, which everything logs through. Control characters in a message
// are shown as '?' (printable.h).
#pragma once

#include <string>
#include <string_view>

namespace forebay {

/// To stderr, one line an entry: time, level, `process`, message. The level is info until it is set;
/// $FOREBAY_LOG, where it is set, counts in any case.
void set_up_logging(const std::string& process);

/// "trace", "debug", "info", "warning", "error", "critical" or "off".
[[nodiscard]] bool is_log_level(std::string_view level);
/// One of these.
void set_log_level(const std::string& level);

/// For a tool: what the library has to say as a line of `tool`'s own on stderr, warnings and worse
/// unless $FOREBAY_LOG says otherwise.
void set_up_tool_logging(const std::string& tool);

}  // namespace forebay
