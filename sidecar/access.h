// What who came in from another host may ask a sidecar for: docs/security.md. Names are those that
// the Gatekeeper found for a key. Those beside the sidecar are asked by nobody.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/wire/control.h"
#include "topology/topology.h"

namespace forebay {

class Access {
 public:
  /// What the topology says of the streams of `sidecar`.
  Access(const Topology& topology, const Sidecar& sidecar);

  /// kForbidden says who may not do what, and what they may.
  [[nodiscard]] Result<void> check(std::string_view user, const Request& request) const;
  /// Whether the user may hear the broadcasts of a topic.
  [[nodiscard]] bool may_hear(std::string_view user, std::string_view topic) const;

 private:
  struct Rights {
    bool operates = false;
    std::set<std::string, std::less<>> reads;  // streams
  };
  [[nodiscard]] Result<void> may_read(std::string_view user, const Rights& rights,
                                      const std::string& stream) const;

  std::map<std::string, Rights, std::less<>> rights_;
};

}  // namespace forebay
