// A backup: the records of a log and, after them, the batches of each stream, with checksums of their
// own, so that a file that was cut short or changed is known as that.
//
//   file   := "FBAK" version u8, 0 u8*3, item*, end
//   item   := kind u8, length u32, body, XXH3-64 of all three u64
//   body   := of a record (1, late 4): key length u32, key, value
//             of a batch (2):  stream length u32, stream, batch as committed
//             of a gap (3):    stream length u32, stream, first u64, count u64, reason
//   end    := the item of kind 9 whose body is how many items there were u64
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/ids.h"
#include "common/base/result.h"

namespace forebay {

struct BackedUpRecord {
  std::string_view key, value;
  bool late = false;  // was read after the batches: may tell of some that are not here
};
struct BackedUpBatch {
  std::string_view stream, bytes;
};
struct BackedUpGap {
  std::string_view stream;
  Sequence first;
  std::uint64_t count;
  std::string_view reason;
};
using BackupItem = std::variant<BackedUpRecord, BackedUpBatch, BackedUpGap>;

struct CloseFile {
  void operator()(std::FILE* file) const;
};

class BackupWriter {
 public:
  /// Writes beside `path` until keep(); what is there already is refused (kBadInput).
  [[nodiscard]] static Result<BackupWriter> create(const std::string& path);
  [[nodiscard]] Result<void> put(const BackupItem& item);
  /// The end; then it is on disk, under unfinished(), to be read again.
  [[nodiscard]] Result<void> finish();
  [[nodiscard]] std::string unfinished() const { return path_ + ".unfinished"; }
  /// On disk, under its name, once this returned success.
  [[nodiscard]] Result<void> keep();
  /// Removes what was not kept.
  ~BackupWriter();
  BackupWriter(BackupWriter&& other) noexcept;
  BackupWriter& operator=(BackupWriter&&) = delete;

 private:
  BackupWriter() = default;
  [[nodiscard]] Result<void> write(std::uint8_t kind, std::string_view body);
  [[nodiscard]] Result<void> write(std::string_view bytes);

  std::string path_;
  bool made_ = false;  // there is a file of its own to be removed
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::string body_;
  std::uint64_t items_ = 0;
};

class BackupReader {
 public:
  /// kNotFound, kIo; kVersion for another version, kCorruption for no backup.
  [[nodiscard]] static Result<BackupReader> open(const std::string& path);
  /// The next item, whose bytes last until the one after; nullopt at the end of a file that is whole.
  /// kCorruption if it is not, or cut short.
  [[nodiscard]] Result<std::optional<BackupItem>> next();

 private:
  BackupReader() = default;
  [[nodiscard]] Result<void> read(char* into, std::size_t bytes);

  std::string path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::string item_;
  std::uint64_t items_ = 0;
};

}  // namespace forebay
