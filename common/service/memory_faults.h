// What a process says before a fault in its memory ends it.
#pragma once

#include <string_view>

namespace forebay {

/// LMDB reads its file through a memory map: where the file was cut short, or its disk fails, the
/// kernel answers with SIGBUS, and a damaged page can lead anywhere (SIGSEGV). From now on either
/// writes a line to stderr, which names the file and ends in `advice` (at most 500 bytes), and then
/// ends the process as ever. Once, in main, before threads start.
void explain_memory_faults(std::string_view name, std::string_view advice);

}  // namespace forebay
