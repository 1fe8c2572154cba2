#include "common/base/time_service.h"

#include <systemd/sd-bus.h>

#include <future>
#include <thread>

#include "common/base/limits.h"

namespace forebay {
namespace {

bool ask() {
  sd_bus* bus = nullptr;
  int synchronised = 0;
  const bool told =
      sd_bus_open_system(&bus) >= 0 &&
      sd_bus_get_property_trivial(bus, "org.freedesktop.timedate1", "/org/freedesktop/timedate1",
                                  "org.freedesktop.timedate1", "NTPSynchronized", nullptr, 'b',
                                  &synchronised) >= 0;
  sd_bus_flush_close_unref(bus);
  return told && synchronised != 0;
}

}  // namespace

/// From a thread that nobody waits for: a bus that hangs is given up by sd-bus after a minute and a half.
bool time_service_says_synchronised() {
  std::packaged_task<bool()> task(ask);
  auto answer = task.get_future();
  std::thread(std::move(task)).detach();
  return answer.wait_for(limits::kTimeServicePatience) == std::future_status::ready && answer.get();
}

}  // namespace forebay
