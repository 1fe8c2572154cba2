// What a daemon does on SIGHUP.
#pragma once

#include <functional>
#include <string>

#include "common/base/result.h"
#include "topology/topology.h"

namespace forebay {

/// Reads the topology's file again, has `prepare` make of it what the daemon is to serve next, and sets
/// the log's level. False, with the reason in the log: nothing has changed.
[[nodiscard]] bool reread(const std::string& path,
                          const std::function<Result<void>(const Topology&)>& prepare);

/// An error unless what a daemon binds and keeps stays where it is: others go by it.
[[nodiscard]] Result<void> stays(const std::string& what, const std::string& now,
                                 const std::string& next);

}  // namespace forebay
