#include "common/client/view_folders.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
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
  if (std::ifstream pointer(state_dir + "/current"); pointer)
    std::getline(pointer, folders.current_);
  if (folders.current_.empty()) {
    if (auto swapped = folders.swap("1"); !swapped) return fail(swapped.error());
  }
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
