#include "cli/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "common/base/files.h"

namespace forebay {
namespace {

struct FreeArchive {
  void operator()(archive* open) const { archive_write_free(open); }
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
using Writer = std::unique_ptr<archive, FreeArchive>;

bool add(archive* out, const ArchiveMember& member, std::time_t time) {
  const std::unique_ptr<archive_entry, FreeArchive> entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), member.name.c_str());
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(member.text.size()));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0600);
  archive_entry_set_mtime(entry.get(), time, 0);
  return archive_write_header(out, entry.get()) == ARCHIVE_OK &&
         archive_write_data(out, member.text.data(), member.text.size()) ==
             static_cast<la_ssize_t>(member.text.size());
}

Result<void> write_all(int descriptor, const std::string& path,
                       const std::vector<ArchiveMember>& members, std::time_t time) {
  const Writer out(archive_write_new());
  bool written = archive_write_add_filter_gzip(out.get()) == ARCHIVE_OK &&
                 archive_write_set_format_pax_restricted(out.get()) == ARCHIVE_OK &&
                 archive_write_open_fd(out.get(), descriptor) == ARCHIVE_OK;
  for (const ArchiveMember& member : members) written = written && add(out.get(), member, time);
  if (!written || archive_write_close(out.get()) != ARCHIVE_OK) {
    const char* why = archive_error_string(out.get());
    return fail(ErrorCode::kIo, "cannot write " + path + ": " + (why == nullptr ? "?" : why));
  }
  if (::fsync(descriptor) != 0) return fail_errno("cannot sync " + path, errno);
  return {};
}

Result<void> put_in_place(const std::string& from, const std::string& path) {
  int renamed = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE);
  // Not every file system can promise that.
  if (renamed != 0 && errno == EINVAL) renamed = ::rename(from.c_str(), path.c_str());
  if (renamed != 0) return fail_errno("cannot name " + path, errno);
  return sync_folder(std::filesystem::absolute(path).parent_path().string());
}

}  // namespace

Result<void> write_archive(const std::string& path, const std::vector<ArchiveMember>& members,
                           std::time_t time) {
  struct stat there {};
  if (::lstat(path.c_str(), &there) == 0)
    return fail(ErrorCode::kBadInput, path + " is there already, and is left as it is");
  std::string unfinished = path + ".XXXXXX";
  const int descriptor = ::mkostemp(unfinished.data(), O_CLOEXEC);
  if (descriptor < 0) return fail_errno("cannot make a file beside " + path, errno);
  auto done = write_all(descriptor, path, members, time);
  ::close(descriptor);
  if (done) done = put_in_place(unfinished, path);
  if (!done) ::unlink(unfinished.c_str());
  return done;
}

std::string archive_library() { return archive_version_string(); }

}  // namespace forebay
