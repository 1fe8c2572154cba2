// How much memory this process has ever held, to see that refused input made it hold no more.
#pragma once

#include <sys/resource.h>

#include <cstddef>

namespace forebay::test {

inline std::size_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

}  // namespace forebay::test
