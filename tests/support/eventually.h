// Waits for what another thread or process is to bring about.
#pragma once

#include <chrono>
#include <thread>

namespace forebay::test {

/// Whether `holds` became true within the deadline.
template <class Holds>
[[nodiscard]] bool eventually(Holds holds,
                              std::chrono::seconds deadline = std::chrono::seconds(20)) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace forebay::test
