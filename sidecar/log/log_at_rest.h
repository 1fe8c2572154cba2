// A log whose sidecar does not run, as far as it can be read: its records, and each stream's sound
// batches with the holes between them. What vouches for a batch is, besides its own checksums, the
// batch after it (or, for the last one, the stream's record), which names its checksum.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/event/batch.h"
#include "sidecar/log/log.h"
#include "sidecar/log/page_file.h"
#include "sidecar/log/records.h"

namespace forebay {

/// Sequences of a stream that no sound batch holds.
struct Hole {
  Sequence first;
  Sequence next;
  std::string reason;
  std::uint64_t before = 0;  // checksum of the batch before it; 0: unknown, or there was none
  std::uint64_t after = 0;   // the checksum of its last batch; 0: unknown

  [[nodiscard]] std::uint64_t count() const { return next.value - first.value; }
};

struct StreamAtRest {
  std::optional<StreamRecord> record;     // unless it is damaged
  std::optional<PageFile::Tree> batches;  // unless that is damaged
};

class LogAtRest {
 public:
  /// `dir`: the sidecar's folder, whose lock the caller holds. kIo, or kVersion for a log of
  /// another format.
  [[nodiscard]] static Result<LogAtRest> open(const std::string& dir);

  std::map<std::string, StreamAtRest> streams;
  std::vector<std::pair<ProducerId, ProducerRecord>> producers;
  std::vector<std::pair<ConsumerKey, ConsumerRecord>> consumers;
  std::optional<ClockRecord> clock;
  /// Records that cannot be read, one text each.
  std::vector<std::string> problems;
  /// All this may be of the commit before the last: of what is newer only batches can be found.
  bool older = false;
  /// Whether the record of this key (layout.h) was there and may be missing from the above.
  [[nodiscard]] bool may_lack(const std::string& key) const {
    return records_damaged_ || damaged_keys_.contains(key);
  }

  struct Read {
    std::uint64_t odd = 0;  // entries that were damaged and yet left no hole
    bool beyond = false;    // batches follow on the last one that the record knows of
  };
  /// Calls `batch` for each batch that is vouched for and `hole` for each range between them, in the
  /// order of their sequences. Where the record is damaged, the stream ends with its last batch.
  /// Once for each stream.
  Read read(const StreamAtRest& stream, const std::function<void(const BatchView&)>& batch,
            const std::function<void(const Hole&)>& hole);
  /// Goes to the last entry of each stream, and so through the pages that lead to it.
  void read_ends();
  /// Goes through the list of free pages, too: none of them may be in use.
  void read_free_list();

  /// Whether it says which format it has; if that is another, it does not open.
  [[nodiscard]] bool has_format() const { return format_.has_value(); }
  [[nodiscard]] const PageFile& file() const { return *file_; }
  [[nodiscard]] const TreeWalk& walk() const { return walk_; }
  /// Whether pages are old copies of themselves, or, where the file ends too soon, may be: no record
  /// tells then where its stream ended. As far as has been read.
  [[nodiscard]] bool of_several_times() const { return stale_ || walk_.of_several_times(); }

 private:
  explicit LogAtRest(PageFile file);
  void read_records();
  void take_record(const PageFile::Entry& entry);
  void check_metas();

  std::unique_ptr<PageFile> file_;
  TreeWalk walk_;
  bool records_damaged_ = false;
  bool stale_ = false;  // the records may be
  std::optional<std::string> format_;
  std::set<std::string> damaged_keys_;
};

/// Takes a stream's entries in order and tells batches from holes.
class ChainReader {
 public:
  ChainReader(const std::optional<StreamRecord>& record,
              const std::function<void(const BatchView&)>& batch,
              const std::function<void(const Hole&)>& hole);
  void entry(std::uint64_t key, std::string_view value);
  void end();
  [[nodiscard]] const LogAtRest::Read& found() const { return found_; }

 private:
  struct Held {
    std::string bytes;
    BatchHeader header;
  };
  void take(Held next);
  void settle();
  void emit(const Held& held);
  void damaged(std::string_view reason);
  void tell(Sequence next, std::uint64_t after);

  const std::optional<StreamRecord>& record_;
  const std::function<void(const BatchView&)>& batch_;
  const std::function<void(const Hole&)>& hole_;
  std::optional<Sequence> expected_;  // none: whatever comes first
  std::uint64_t before_ = 0;          // checksum of the batch that ends at expected_
  std::string reason_;                // of the damage since then
  std::optional<Held> last_;          // not yet vouched for
  std::optional<Held> conflict_;      // behind last_, whose checksum it does not name
  LogAtRest::Read found_;
};

}  // namespace forebay
