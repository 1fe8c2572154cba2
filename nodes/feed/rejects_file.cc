#include "nodes/feed/rejects_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/base/files.h"
#include "common/event/json_value.h"

namespace forebay {
Result<std::unique_ptr<RejectsFile>> RejectsFile::open(const std::string& path,
                                                       std::uint64_t fingerprint) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return fail_errno("cannot open " + path, errno);
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(fingerprint));
  std::unique_ptr<RejectsFile> file(new RejectsFile(path, descriptor, hex));
  if (auto synced = sync_folder(std::filesystem::path(path).parent_path().string()); !synced)
    return fail(synced.error());
  if (auto recovered = file->recover(); !recovered) return fail(recovered.error());
  if (fingerprint == 0) file->noted_up_to_ = 0;
  return file;
}

RejectsFile::~RejectsFile() { ::close(descriptor_); }

/// Finds the end of the last whole line, cuts off what is after it, and reads that line.
Result<void> RejectsFile::recover() {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) return fail_errno("cannot look at " + path_, errno);
  // A record is at most one long line in JSON, where a byte takes up to six ("\u0000").
  constexpr off_t kTailBytes = 6 * limits::kLineBytesMax + limits::kFileReadBytes;
  const off_t from = std::max<off_t>(0, status.st_size - 2 * kTailBytes);
  std::string tail(static_cast<std::size_t>(status.st_size - from), '\0');
  const ssize_t got = ::pread(descriptor_, tail.data(), tail.size(), from);
  if (got != static_cast<ssize_t>(tail.size())) return fail_errno("cannot read " + path_, errno);
  const std::size_t end = tail.rfind('\n');
  const std::size_t whole = end == std::string::npos ? 0 : end + 1;
  const off_t size = from + static_cast<off_t>(whole);
  if (size != status.st_size && ::ftruncate(descriptor_, size) != 0) {
    return fail_errno("cannot cut off the torn end of " + path_, errno);
  }
  if (::lseek(descriptor_, size, SEEK_SET) < 0) return fail_errno("cannot seek in " + path_, errno);
  if (whole == 0) return {};
  const std::size_t before = end == 0 ? std::string::npos : tail.rfind('\n', end - 1);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  const auto last = parse_json(std::string_view(tail).substr(begin, end - begin));
  // Somebody may have written into the file by hand; then nothing is known to be noted.
  if (!last || !last->is_object() || last->value("file", Json()) != Json(file_)) return {};
  const Json offset = last->value("offset", Json());
  if (offset.is_number_unsigned()) noted_up_to_ = offset.get<std::uint64_t>();
  settled_ = false;  // the run before may have ended between writing and syncing
  return {};
}

Result<void> RejectsFile::add(const Reject& reject) {
  if (reject.offset <= noted_up_to_) return {};
  const std::string record = print_json(Json{{"file", file_},
                                             {"line", reject.line},
                                             {"offset", reject.offset},
                                             {"reason", reject.reason},
                                             {"text", reject.text}}) +
                             '\n';
  std::size_t written = 0;
  while (written < record.size()) {
    const ssize_t put = ::write(descriptor_, record.data() + written, record.size() - written);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail_errno("cannot write to " + path_, errno);
    written += static_cast<std::size_t>(put);
  }
  settled_ = false;
  return {};
}

Result<void> RejectsFile::settle() {
  if (settled_) return {};
  if (::fdatasync(descriptor_) != 0) return fail_errno("cannot sync " + path_, errno);
  settled_ = true;
  return {};
}

}  // namespace forebay
