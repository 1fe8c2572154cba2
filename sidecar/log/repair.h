// Makes a sound log of a damaged one: everything sound before and after the damage, the damaged
// ranges as gap records, so that consumers are told, each stream under a new incarnation. The
// damaged file stays beside it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"

namespace forebay {

struct RepairedStream {
  std::string name;
  Incarnation incarnation;  // the new one
  Sequence oldest, head;
  std::uint64_t batches = 0;
  std::uint64_t salvaged = 0;  // of these, from pages that the trees no longer reach
  std::uint64_t gaps = 0;      // gap records put
  std::uint64_t lost = 0;      // sequences that they name
  bool skipped_ahead = false;  // where it ended was not known
};

struct Repair {
  std::string kept_as;  // the damaged file
  std::vector<RepairedStream> streams;
  std::vector<std::string> problems;  // what could not be carried over
};

/// Repairs the log in `dir`, whose lock the caller holds; `now` names the copy. Nothing is changed
/// unless all of it succeeds; the disk needs room for what is sound.
[[nodiscard]] Result<Repair> repair_log(const std::string& dir, WallTime now);

}  // namespace forebay
