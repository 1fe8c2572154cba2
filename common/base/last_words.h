// Why the process is about to end. Threads meet the first failure in turn, and what the later ones
// say of it explains nothing, so only the first is said.
#pragma once

#include <string_view>

namespace forebay {

/// Logs it as critical, unless that was done before with something else.
void say_last_words(std::string_view words);

/// Ends the process with status 1, and says why, where the system refuses what nothing goes on without,
/// such as a descriptor: whoever started it starts it again.
[[noreturn]] void end_without(std::string_view what, int errno_value);

}  // namespace forebay
