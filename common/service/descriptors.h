// How many files and connections the process may have open.
#pragma once

#include <cstddef>

namespace forebay {

/// Raises the soft limit to the hard one, since libzmq ends a process that has none left (a soft limit
/// of 1,024, for programs that call select(2), is what systemd gives). Returns what it is then.
std::size_t raise_descriptor_limit();

}  // namespace forebay
