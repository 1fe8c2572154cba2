// Fetch: serves ranges of the log. Stateless; each request is answered from one snapshot, copied
// out before it is sent.
#pragma once

#include "sidecar/log/log.h"
#include "sidecar/work.h"

namespace forebay {

/// `Batches` with the batches, or `Trimmed`, `Corrupt`, `Diverged`, `ErrorReply`. kIo is fatal.
[[nodiscard]] Result<Outgoing> serve_fetch(const Log& log, const Peer& peer, const Fetch& request);

/// `Found` or `ErrorReply`.
[[nodiscard]] Result<Outgoing> serve_find(const Log& log, const Peer& peer, const Find& request);

}  // namespace forebay
