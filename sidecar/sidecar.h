// The sidecar as a whole: wires ingest, commit, broadcast and fetch to their sockets and threads.
//
//   ingest thread (run's caller)   PULL, ROUTER      checks, keeps chains, answers
//   commit thread                                    group commit, retention
//   broadcast thread               PUB               batches after their commit, beacons
//   fetch thread                                     ranges of the log
//
// They share nothing but the queues between them and the log, which LMDB lets many read while one
// writes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/service/signals.h"
#include "common/watch/watch.h"
#include "sidecar/doors.h"
#include "sidecar/scrub.h"
#include "sidecar/self_look.h"
#include "topology/endpoints.h"
#include "topology/topology.h"

namespace forebay {

/// What goes over to the sidecar that there is after a reload.
struct SidecarMemory {
  Watch::Memory watch;
  SelfLook::Memory seen;
  Scrubber::Memory scrubbed;
};

struct SidecarOptions {
  std::string name;
  std::string version;    // of the program, for `status`
  std::string state_dir;  // its own folder; the caller holds its lock
  SidecarEndpoints endpoints;
  std::vector<Stream> streams;
  std::optional<std::uint64_t> disk_max;
  std::optional<FarSide> far = {};  // who comes in from other hosts, where they have keys
  Watch::Options watch = {};
  Alerts alerts = {};  // thresholds
  std::shared_ptr<SidecarMemory> memory = std::make_shared<SidecarMemory>();
};

/// Opens the log, binds the sockets and serves until a stop signal, then commits what was taken in
/// and ends. An error means that it could not start, or that the log failed and the process must
/// end.
[[nodiscard]] Result<void> run_sidecar(const SidecarOptions& options, StopSignals& signals);

}  // namespace forebay
