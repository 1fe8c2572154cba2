// What a service tells systemd; without systemd, nothing.
#pragma once

#include <string>

namespace forebay {

/// READY=1 with a status line, once recovery is done and all sockets are bound.
void notify_ready(const std::string& status);
/// WATCHDOG=1 with a status line: the main loop goes on.
void notify_alive(const std::string& status);
/// RELOADING=1: it is about to begin anew, and will be ready again. Until then the watchdog waits as long as for
/// a start.
void notify_reloading();
/// STOPPING=1.
void notify_stopping();

}  // namespace forebay
