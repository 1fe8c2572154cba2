#include "common/client/view_folders.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>

#include "common/base/files.h"
#include "common/base/ids.h"

namespace forebay {
namespace {

namespace fs = std::filesystem;

std::optional<unsigned long> as_number(const std::string& name) {
  unsigned long number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return number;
}

/// The first line of a small file; nothing if there is no such file. That it cannot be read is not
/// that it is not there.
Result<std::optional<std::string>> read_line(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT) return std::nullopt;
  if (descriptor < 0) return fail_errno("cannot open " + path, errno);
  std::string text(256, '\0');
  ssize_t length = 0;
  do {
    length = ::read(descriptor, text.data(), text.size());
  } while (length < 0 && errno == EINTR);
  const int error = errno;
  ::close(descriptor);
  if (length < 0) return fail_errno("cannot read " + path, error);
  text.resize(static_cast<std::size_t>(length));
  return text.substr(0, text.find('\n'));
}

Result<void> write_synced(const std::string& path, const std::string& text) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return fail_errno("cannot write " + path, errno);
  const bool written =
      ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(descriptor) == 0;
  const int error = errno;
  ::close(descriptor);
  if (!written) return fail_errno("cannot write " + path, error);
  return {};
}

}  // namespace

Result<ViewFolders> ViewFolders::open(const std::string& state_dir) {
  ViewFolders folders(state_dir);
  std::error_code error;
  fs::create_directory(folders.views_, error);
  if (error) return fail(ErrorCode::kIo, "cannot make " + folders.views_ + ": " + error.message());
  fs::permissions(folders.views_, fs::perms::owner_all, error);
  auto pointer = read_line(state_dir + "/current");
  if (!pointer) return fail(pointer.error());
  if (!*pointer) {
    if (auto swapped = folders.swap("1"); !swapped) return fail(swapped.error());
  } else if (as_number(**pointer)) {
    folders.current_ = **pointer;
  } else {
    return fail(ErrorCode::kCorruption,
                state_dir + "/current names no view: put the number of the folder in " +
                    folders.views_ + " there that is the live one");
  }
  // The one that swapped may have been killed before it synced: what is read here may be only in
  // the page cache, and the view that it replaced goes now.
  if (auto synced = sync_folder(state_dir); !synced) return fail(synced.error());
  for (const fs::directory_entry& entry : fs::directory_iterator(folders.views_, error)) {
    const std::string name = entry.path().filename().string();
    if (!as_number(name) || name == folders.current_) continue;
    if (auto removed = folders.remove(name); !removed) return fail(removed.error());
  }
  return folders;
}

bool ViewFolders::exists(const std::string& view) const {
  return fs::exists(path(view) + "/data.mdb");
}

std::string ViewFolders::next_name() const {
  return std::to_string(as_number(current_).value_or(0) + 1);
}

bool ViewFolders::is_scratch_name(const std::string& view) {
  return is_name(view) && !as_number(view);
}

Result<void> ViewFolders::remove(const std::string& view) const {
  std::error_code error;
  fs::remove_all(path(view), error);
  if (error) return fail(ErrorCode::kIo, "cannot remove " + path(view) + ": " + error.message());
  return {};
}

Result<void> ViewFolders::keep(const std::string& view, const std::string& scratch) const {
  if (auto removed = remove(scratch); !removed) return removed;
  std::error_code error;
  fs::rename(path(view), path(scratch), error);
  if (error) return fail(ErrorCode::kIo, "cannot rename " + path(view) + ": " + error.message());
  return sync_folder(views_);
}

Result<void> ViewFolders::swap(const std::string& view) {
  if (auto synced = sync_folder(views_); !synced) return synced;
  const std::string pointer = state_dir_ + "/current";
  if (auto written = write_synced(pointer + ".new", view + "\n"); !written) return written;
  std::error_code error;
  fs::rename(pointer + ".new", pointer, error);
  if (error) return fail(ErrorCode::kIo, "cannot rename " + pointer + ": " + error.message());
  if (auto synced = sync_folder(state_dir_); !synced) return synced;
  current_ = view;
  return {};
}

}  // namespace forebay
