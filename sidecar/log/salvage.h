// What a damaged log still has where its trees no longer reach: batches name themselves
// (magic, checksums, incarnation, sequence), so they are found by looking at every byte, and records
// have their checksums. Old copies are among them, since LMDB writes anew and reuses later: which
// batches belong to the log is told by the chain of checksums alone.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/event/batch.h"
#include "sidecar/log/log_at_rest.h"
#include "sidecar/log/page_file.h"

namespace forebay {

struct FoundBatch {
  BatchHeader header;
  std::uint64_t offset;  // in the file
};

struct Salvage {
  std::vector<FoundBatch> batches;  // sound ones, each once, in the order of their sequences
  // Of several copies, the newest.
  std::map<std::string, StreamRecord> streams;
  std::map<ProducerId, ProducerRecord> producers;
  std::map<ConsumerKey, ConsumerRecord> consumers;
  bool of_several_times = false;  // LogAtRest's, of all streams
};

/// Of two copies of a record.
[[nodiscard]] bool is_newer(const StreamRecord& one, const StreamRecord& other);
[[nodiscard]] bool is_newer(const ProducerRecord& one, const ProducerRecord& other);
[[nodiscard]] bool is_newer(const ConsumerRecord& one, const ConsumerRecord& other);

/// Reads the whole file. Only batches that are `wanted` are kept.
[[nodiscard]] Salvage salvage(const PageFile& file,
                              const std::function<bool(const BatchHeader&)>& wanted);

/// Of `found`, what fills `hole` in a log of `incarnation`, in order: what the batch after the hole
/// (or the record) names and what that names in turn, what names the batch before it and is the only
/// one to do so, and, if it is known how the hole ends, what is the only one to claim its sequences.
/// May leave holes between.
[[nodiscard]] std::vector<FoundBatch> fill(const Hole& hole, const Incarnation& incarnation,
                                           const std::vector<FoundBatch>& found);

}  // namespace forebay
