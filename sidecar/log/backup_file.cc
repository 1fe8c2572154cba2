#include "sidecar/log/backup_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/files.h"
#include "common/base/limits.h"

namespace forebay {
namespace {

constexpr std::string_view kMagic = "FBAK";
constexpr std::uint8_t kVersion = 2;  // with records of log format 3
constexpr std::size_t kHeadBytes = 8;
constexpr std::uint8_t kRecord = 1, kBatch = 2, kGap = 3, kLateRecord = 4, kEnd = 9;
constexpr std::size_t kItemHeadBytes = 5, kItemChecksumBytes = 8;

void append_named(std::string& body, std::string_view name) {
  append_le(body, static_cast<std::uint32_t>(name.size()));
  body += name;
}

/// Takes the name off a body; false if there is none.
bool take_name(std::string_view& body, std::string_view& name) {
  if (body.size() < sizeof(std::uint32_t)) return false;
  const auto size = load_le<std::uint32_t>(body.data());
  if (body.size() - sizeof(std::uint32_t) < size) return false;
  name = body.substr(sizeof(std::uint32_t), size);
  body.remove_prefix(sizeof(std::uint32_t) + size);
  return true;
}

std::optional<BackupItem> parse(std::uint8_t kind, std::string_view body) {
  std::string_view name;
  if (!take_name(body, name)) return std::nullopt;
  switch (kind) {
    case kRecord:
    case kLateRecord:
      return BackedUpRecord{name, body, kind == kLateRecord};
    case kBatch:
      return BackedUpBatch{name, body};
    case kGap: {
      if (body.size() < 2 * sizeof(std::uint64_t)) return std::nullopt;
      const Sequence first{load_le<std::uint64_t>(body.data())};
      const auto count = load_le<std::uint64_t>(body.data() + sizeof(std::uint64_t));
      return BackedUpGap{name, first, count, body.substr(2 * sizeof(std::uint64_t))};
    }
    default:
      return std::nullopt;
  }
}

}  // namespace

void CloseFile::operator()(std::FILE* file) const { std::fclose(file); }

Result<BackupWriter> BackupWriter::create(const std::string& path) {
  if (std::filesystem::exists(path))
    return fail(ErrorCode::kBadInput, path + " is there already: name another file");
  BackupWriter writer;
  writer.path_ = path;
  const int descriptor =
      ::open(writer.unfinished().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0 && errno == EEXIST) {
    return fail(ErrorCode::kBadInput,
                writer.unfinished() +
                    " is there: another backup is being written, or was ended "
                    "while it was; then remove it");
  }
  if (descriptor < 0) return fail_errno("cannot write " + writer.unfinished(), errno);
  writer.made_ = true;
  writer.file_.reset(::fdopen(descriptor, "wb"));
  std::string head(kMagic);
  head += static_cast<char>(kVersion);
  head.resize(kHeadBytes);
  if (auto written = writer.write(head); !written) return fail(written.error());
  return writer;
}

BackupWriter::BackupWriter(BackupWriter&& other) noexcept
    : path_(std::move(other.path_)),
      made_(std::exchange(other.made_, false)),
      file_(std::move(other.file_)),
      body_(std::move(other.body_)),
      items_(other.items_) {}

BackupWriter::~BackupWriter() {
  if (made_) ::unlink(unfinished().c_str());
}

Result<void> BackupWriter::write(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size())
    return fail_errno("cannot write " + path_, errno);
  return {};
}

Result<void> BackupWriter::write(std::uint8_t kind, std::string_view body) {
  std::string item(1, static_cast<char>(kind));
  append_le(item, static_cast<std::uint32_t>(body.size()));
  item += body;
  append_le(item, checksum(item));
  return write(item);
}

Result<void> BackupWriter::put(const BackupItem& item) {
  body_.clear();
  ++items_;
  if (const auto* record = std::get_if<BackedUpRecord>(&item)) {
    append_named(body_, record->key);
    return write(record->late ? kLateRecord : kRecord, body_ += record->value);
  }
  if (const auto* batch = std::get_if<BackedUpBatch>(&item)) {
    append_named(body_, batch->stream);
    return write(kBatch, body_ += batch->bytes);
  }
  const auto& gap = std::get<BackedUpGap>(item);
  append_named(body_, gap.stream);
  append_le(body_, gap.first.value);
  append_le(body_, gap.count);
  return write(kGap, body_ += gap.reason);
}

Result<void> BackupWriter::finish() {
  body_.clear();
  append_le(body_, items_);
  if (auto written = write(kEnd, body_); !written) return written;
  if (std::fflush(file_.get()) != 0 || ::fsync(::fileno(file_.get())) != 0)
    return fail_errno("cannot write " + unfinished(), errno);
  file_.reset();
  return {};
}

Result<void> BackupWriter::keep() {
  const std::string from = unfinished();
  int renamed = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE);
  // Not every file system can promise that.
  if (renamed != 0 && errno == EINVAL) renamed = ::rename(from.c_str(), path_.c_str());
  if (renamed != 0) return fail_errno("cannot name " + path_, errno);
  made_ = false;
  return sync_folder(std::filesystem::absolute(path_).parent_path().string());
}

Result<BackupReader> BackupReader::open(const std::string& path) {
  BackupReader reader;
  reader.path_ = path;
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT) return fail(ErrorCode::kNotFound, "no file " + path);
  if (descriptor < 0) return fail_errno("cannot open " + path, errno);
  reader.file_.reset(::fdopen(descriptor, "rb"));
  std::string head(kHeadBytes, '\0');
  if (auto read = reader.read(head.data(), head.size());
      !read && read.error().code != ErrorCode::kCorruption)
    return fail(read.error());
  if (!head.starts_with(kMagic)) return fail(ErrorCode::kCorruption, path + " is no backup");
  if (static_cast<std::uint8_t>(head[kMagic.size()]) != kVersion ||
      head.find_first_not_of('\0', kMagic.size() + 1) != std::string::npos)
    return fail(ErrorCode::kVersion,
                path + " is a backup of a version that this build does not read");
  return reader;
}

Result<void> BackupReader::read(char* into, std::size_t bytes) {
  if (std::fread(into, 1, bytes, file_.get()) == bytes) return {};
  if (std::ferror(file_.get()) != 0) return fail_errno("cannot read " + path_, errno);
  return fail(ErrorCode::kCorruption, path_ + " is cut short after " + std::to_string(items_) +
                                          " items: it is no whole backup");
}

Result<std::optional<BackupItem>> BackupReader::next() {
  const auto damaged = [&] {
    return fail(ErrorCode::kCorruption, path_ + " is damaged after " + std::to_string(items_) +
                                            " items: take another backup");
  };
  item_.resize(kItemHeadBytes);
  if (auto head = read(item_.data(), kItemHeadBytes); !head) return fail(head.error());
  const auto kind = static_cast<std::uint8_t>(item_[0]);
  const auto size = load_le<std::uint32_t>(item_.data() + 1);
  if (size > limits::kFrameBytesMax) return damaged();
  item_.resize(kItemHeadBytes + size + kItemChecksumBytes);
  if (auto rest = read(item_.data() + kItemHeadBytes, size + kItemChecksumBytes); !rest)
    return fail(rest.error());
  const std::string_view checked = std::string_view(item_).substr(0, kItemHeadBytes + size);
  if (checksum(checked) != load_le<std::uint64_t>(item_.data() + checked.size())) return damaged();
  const std::string_view body = checked.substr(kItemHeadBytes);
  if (kind == kEnd) {
    if (body.size() != sizeof(std::uint64_t) || load_le<std::uint64_t>(body.data()) != items_ ||
        std::fgetc(file_.get()) != EOF)
      return damaged();
    return std::nullopt;
  }
  auto item = parse(kind, body);
  if (!item) return damaged();
  ++items_;
  return item;
}

}  // namespace forebay
