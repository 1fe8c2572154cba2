#include "cli/reach.h"

#include "topology/problem.h"

namespace forebay {

Result<ClientEndpoints> reach_stream(const Topology& topology, const std::string& stream) {
  const Sidecar* owner = topology.owner_of(stream);
  if (owner == nullptr) {
    return fail(ErrorCode::kBadInput,
                "there is no stream " + in_quotes(stream) + "; " +
                    mend_name(stream, topology.stream_names(), "the topology has none"));
  }
  return endpoints_for(topology, owner->host, *owner);
}

}  // namespace forebay
