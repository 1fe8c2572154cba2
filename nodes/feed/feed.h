// The feed node: publishes the lines of a file, or of stdin, to its stream, each exactly once.
//
// The node's name and the file's fingerprint are the producer's, the offset of a line's end is its
// producer sequence; so it resumes where the sidecar has it registered, and keeps nothing but its
// rejects (rejects_file.h). It waits for as long as the sidecar is down.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"
#include "common/service/signals.h"
#include "common/watch/watch.h"

namespace forebay {

struct FeedOptions {
  std::string name;
  std::string state_dir;  // its own folder; the caller holds its lock
  std::string source;     // a path, or "-"
  bool follow = false;
  std::string stream;
  std::string ingest;  // endpoints of the sidecar
  std::string control;
  Watch::Options watch = {};
};

struct FeedSummary {
  std::uint64_t lines = 0;  // of the source, those of earlier runs included
  std::uint64_t published = 0;
  std::uint64_t rejected = 0;
  std::uint64_t unfinished = 0;    // bytes after the last newline, left alone
  std::uint64_t acknowledged = 0;  // the offset up to which everything is on disk (stdin: a count)
  std::string token;               // the stream's position of the last event on disk
};

/// Until the source ends (never, when followed) or a stop signal. An error is final: kFenced, a
/// file that is not the one published before (kBadInput), a refusal of the sidecar, kIo; but kUnavailable: a new start may
/// mend it.
[[nodiscard]] Result<FeedSummary> run_feed(const FeedOptions& options, StopSignals& signals);

}  // namespace forebay
