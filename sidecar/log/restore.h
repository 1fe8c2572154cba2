// Makes a log of a backup. Sequences, times and content are those of the log that was backed up; its
// streams get new incarnations, since what was committed after the backup is not in it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "sidecar/log/records.h"

namespace forebay {

struct BackedUpStream {
  StreamRecord record;   // as of the beginning of the backup
  Sequence first, next;  // of what is in it; both record.next if nothing is
  std::uint64_t batches = 0;
  std::uint64_t events = 0;
  std::uint64_t lost = 0;  // sequences in gaps
};
using BackedUpStreams = std::map<std::string, BackedUpStream>;

/// Reads the whole backup and checks every item, batch and that sequences are dense. kCorruption says
/// where it is not.
[[nodiscard]] Result<BackedUpStreams> check_backup(const std::string& file);

struct Restoration {
  BackedUpStreams streams;
  std::map<std::string, Incarnation> incarnations;  // the new ones
};

/// Restores into `dir`, whose lock the caller holds and which has no log (else kBadInput). Nothing is
/// there unless all of it is.
[[nodiscard]] Result<Restoration> restore_log(const std::string& dir, const std::string& file);

}  // namespace forebay
