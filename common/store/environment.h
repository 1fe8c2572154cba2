// Opens an LMDB environment in a folder by the rules that every store of Forebay follows (the
// sidecar's log and a node's own store): default flags, so that every commit is synced; read
// transactions not bound to threads; a map sized once; descriptors closed on exec; stale readers
// cleared; files and folder synced before anything relies on them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"

struct MDB_env;

namespace forebay {

struct CloseEnvironment {
  void operator()(MDB_env* env) const;
};
using Environment = std::unique_ptr<MDB_env, CloseEnvironment>;

/// Opens or creates the environment in `dir` (made, mode 0700, if missing; its parent must be
/// there). The caller holds the folder's lock. kIo says what failed.
[[nodiscard]] Result<Environment> open_environment(const std::string& dir, std::size_t map_bytes,
                                                   unsigned databases_max);

/// Once a write of LMDB's first pages has failed, nothing can be begun in the environment any more,
/// by no thread: if `code` says so, this waits for the thread that wrote to say why and to end the
/// process in order; if that does not happen, it says so itself, naming `what`, and ends it with exit
/// code 1. Other codes are left to the caller.
void end_if_environment_is_dead(const std::string& what, int code);

/// kIo with LMDB's text for `code`.
[[nodiscard]] tl::unexpected<Error> fail_lmdb(std::string what, int code);

}  // namespace forebay
