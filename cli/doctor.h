// Looks a host over: asks its sidecars and nodes, gathers the facts, and checks them. For `forebay
// doctor`, and `forebay bundle`, which takes what was heard along.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/finding.h"
#include "cli/host_checks.h"
#include "cli/verb.h"
#include "common/base/result.h"
#include "topology/topology.h"

namespace forebay {

struct Examination {
  std::vector<std::string> hosts;  // of the topology, that this machine is
  bool clock_synchronised = false;
  std::vector<Resident> residents;
  std::map<std::string, Result<Json>> sidecars;  // each one's report, or why not
  std::map<std::string, Result<Json>> nodes;     // what consumers of this host say of themselves
  std::vector<std::string> not_asked;  // sidecars of other hosts that nothing here talks to
};

/// Asks all at once, a second at most. Sidecars of this host are asked beside them; those of others
/// with --key, or as the node here that reads from them. `host`: --host, may be empty. kBadInput.
[[nodiscard]] Result<Examination> examine(const Globals& globals, const Topology& topology,
                                          const std::string& host);

/// The worst first.
[[nodiscard]] Findings findings_of(const Topology& topology, const Examination& examination,
                                   const std::string& version);

/// {version, hosts, wrong, warnings, not_asked, checks}, as --json prints it.
[[nodiscard]] Json doctor_json(const Examination& examination, const Findings& findings,
                               const std::string& version);

}  // namespace forebay
