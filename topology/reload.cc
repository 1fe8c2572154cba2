#include "topology/reload.h"

#include <spdlog/spdlog.h>

#include "common/base/logging.h"
#include "topology/load.h"

namespace forebay {

bool reread(const std::string& path, const std::function<Result<void>(const Topology&)>& prepare) {
  const auto topology = load_topology(path);
  const auto prepared = topology ? prepare(*topology) : fail(topology.error());
  if (!prepared) {
    spdlog::error("reload refused, and all is as before: {}", prepared.error().message);
    return false;
  }
  set_log_level(topology->log_level);
  spdlog::info("reload: begins anew with {}", path);
  return true;
}

Result<void> stays(const std::string& what, const std::string& now, const std::string& next) {
  if (now == next) return {};
  return fail(ErrorCode::kBadInput, "its " + what + " would be " + next + " in place of " + now +
                                        ": that takes a restart of all who use it");
}

}  // namespace forebay
