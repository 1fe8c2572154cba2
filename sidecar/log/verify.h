// Whether a log at rest is sound, and how not: every page that is part of it, every batch's
// checksums, the chain between batches, density, and what the records say of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "sidecar/log/log_at_rest.h"

namespace forebay {

struct StreamReport {
  std::string name;
  std::uint64_t batches = 0;  // sound ones
  std::uint64_t events = 0;   // in them
  std::uint64_t lost = 0;     // sequences that gap records name
  Sequence oldest, head;
  std::vector<Hole> holes;  // at most limits::kHolesShownMax
  std::uint64_t hole_count = 0;
  std::uint64_t damaged = 0;  // sequences in holes
};

struct LogReport {
  std::vector<StreamReport> streams;
  std::size_t producers = 0, consumers = 0;
  std::uint64_t pages = 0;
  std::vector<std::string> problems;  // beyond holes
  bool structure_damaged = false;     // pages of the trees

  [[nodiscard]] bool sound() const;
};

/// The whole log, read once from end to end; the caller holds the folder's lock. An error only if
/// there is no file, or one of another format.
[[nodiscard]] Result<LogReport> verify_log(const std::string& dir);

}  // namespace forebay
