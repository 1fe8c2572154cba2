#include "common/base/time_service.h"

#include <systemd/sd-bus.h>

#include "common/base/limits.h"

namespace forebay {
namespace {

constexpr std::uint64_t kPatienceUs =
    std::chrono::microseconds(limits::kTimeServicePatience).count();

}  // namespace

bool time_service_says_synchronised() {
  sd_bus* bus = nullptr;
  int synchronised = 0;
  const bool told =
      sd_bus_open_system(&bus) >= 0 && sd_bus_set_method_call_timeout(bus, kPatienceUs) >= 0 &&
      sd_bus_get_property_trivial(bus, "org.freedesktop.timedate1", "/org/freedesktop/timedate1",
                                  "org.freedesktop.timedate1", "NTPSynchronized", nullptr, 'b',
                                  &synchronised) >= 0;
  sd_bus_flush_close_unref(bus);
  return told && synchronised != 0;
}

}  // namespace forebay
