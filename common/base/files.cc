#include "common/base/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

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

}  // namespace forebay
