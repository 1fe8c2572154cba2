#include "common/service/notify.h"

#include <systemd/sd-daemon.h>

namespace forebay {

void notify_ready(const std::string& status) {
  sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
}
void notify_alive(const std::string& status) {
  sd_notify(0, ("WATCHDOG=1\nSTATUS=" + status).c_str());
}
void notify_stopping() { sd_notify(0, "STOPPING=1"); }

}  // namespace forebay
