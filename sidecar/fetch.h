// Fetch: serves ranges of the log. Stateless; each request is answered from one snapshot, copied
// out before it is sent.
#pragma once

#include "sidecar/log/log.h"
#include "sidecar/work.h"

namespace forebay {

/// `Batches` with the batches, or `Trimmed`, `Corrupt`, `Diverged`, `ErrorReply`. kIo is fatal.
/// At most `bytes_max` bytes, or as the request says, but always one batch.
[[nodiscard]] Result<Outgoing> serve_fetch(const Log& log, const Peer& peer, const Fetch& request,
                                           std::uint64_t bytes_max);

/// `Records` with all of one moment.
[[nodiscard]] Result<Outgoing> serve_records(const Log& log, const Peer& peer);

/// `Found` or `ErrorReply`.
[[nodiscard]] Result<Outgoing> serve_find(const Log& log, const Peer& peer, const Find& request);

}  // namespace forebay
