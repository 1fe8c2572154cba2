#include "common/base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace forebay {

Result<void> sync_folder(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return fail_errno("cannot open " + path, errno);
  const bool synced = ::fsync(descriptor) == 0;
  const int error = errno;
  ::close(descriptor);
  if (!synced) return fail_errno("cannot sync " + path, error);
  return {};
}

Result<void> make_private_folder(const std::string& path) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (error) return fail(ErrorCode::kIo, "cannot make " + parent.string() + ": " + error.message());
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno("cannot make " + path, errno);
  if (::chmod(path.c_str(), 0700) != 0) return fail_errno("cannot set the mode of " + path, errno);
  // Each time: the one that made it may have been killed before it came here.
  const std::filesystem::path above = std::filesystem::absolute(path).parent_path();
  for (const std::filesystem::path& folder : {above, above.parent_path()}) {
    // Who may not read a folder has made nothing in it.
    if (::access(folder.c_str(), R_OK) != 0) continue;
    if (auto synced = sync_folder(folder.string()); !synced) return synced;
  }
  return {};
}

}  // namespace forebay
