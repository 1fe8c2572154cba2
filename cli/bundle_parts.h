// Gathers the parts of a `forebay bundle` from this machine.
#pragma once

#include <string>
#include <vector>

#include "cli/bundle.h"
#include "cli/doctor.h"

namespace forebay {

/// The reports and states that were heard, a part each.
[[nodiscard]] std::vector<BundlePart> parts_heard(const Examination& examination);

/// The journal of each sidecar and node of this host; a note of those that it has nothing of.
[[nodiscard]] std::vector<BundlePart> parts_of_journal(const std::vector<Resident>& residents,
                                                       std::vector<std::string>& notes);

/// Versions, limits, disks, files of the state folders, settings of virtual memory.
[[nodiscard]] std::vector<BundlePart> parts_of_machine(const std::vector<Resident>& residents,
                                                       const std::string& version);

}  // namespace forebay
