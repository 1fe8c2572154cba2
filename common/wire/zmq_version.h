// Which ZeroMQ a process runs with, for reports.
#pragma once

#include <string>

namespace forebay {

/// "libzmq 4.3.4". Defined in transport.cc.
[[nodiscard]] std::string zmq_library();

}  // namespace forebay
