// What `forebay doctor` makes of the alerts that daemons have raised: what only they can tell, since it
// is seen over time.
#pragma once

#include <string>

#include "cli/finding.h"

namespace forebay {

/// A finding for each alert that `daemon` has raised, as its `report` says (sidecar/status.h,
/// common/client/node_control.h), unless one of `said` says the same; one that is ok where there is
/// none; nothing of a daemon that knows no alerts.
[[nodiscard]] Findings check_alerts(const std::string& daemon, const Json& report,
                                    const Findings& said);

}  // namespace forebay
