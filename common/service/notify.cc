#include "common/service/notify.h"

#include <systemd/sd-daemon.h>

#include <cstdlib>
#include <ctime>

namespace forebay {

namespace {

constexpr const char* kReloadPatience = "600000000";  // as TimeoutStartSec= of our units has it

/// Has systemd's watchdog wait that long, where the unit has one.
std::string watchdog(const char* microseconds) {
  return microseconds == nullptr ? "" : std::string("\nWATCHDOG_USEC=") + microseconds;
}

}  // namespace

void notify_ready(const std::string& status) {
  sd_notify(0, ("READY=1" + watchdog(std::getenv("WATCHDOG_USEC")) + "\nSTATUS=" + status).c_str());
}
void notify_alive(const std::string& status) {
  sd_notify(0, ("WATCHDOG=1\nSTATUS=" + status).c_str());
}
void notify_reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto microseconds = now.tv_sec * 1'000'000LL + now.tv_nsec / 1'000;
  const char* patience = std::getenv("WATCHDOG_USEC") == nullptr ? nullptr : kReloadPatience;
  sd_notify(
      0,
      ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds) + watchdog(patience)).c_str());
}
void notify_stopping() { sd_notify(0, "STOPPING=1"); }

}  // namespace forebay
