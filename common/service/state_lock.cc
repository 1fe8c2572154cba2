#include "common/service/state_lock.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/base/files.h"

namespace forebay {

bool on_remote_file_system(const std::string& dir) {
  constexpr long kCifs = 0xff534d42, kSmb2 = 0xfe534d42, kFuse = 0x65735546, kCeph = 0x00c36400;
  struct statfs status {};
  if (::statfs(dir.c_str(), &status) != 0) return false;
  const long type = static_cast<long>(status.f_type);
  return type == NFS_SUPER_MAGIC || type == SMB_SUPER_MAGIC || type == kCifs || type == kSmb2 ||
         type == kFuse || type == kCeph;
}

Result<StateLock> StateLock::take(const std::string& dir) {
  if (auto made = make_private_folder(dir); !made) return fail(made.error());
  if (on_remote_file_system(dir)) {
    return fail(ErrorCode::kIo, dir +
                                    " is on a remote file system, whose locks cannot be relied on: "
                                    "set state_dir to a local disk");
  }
  const int descriptor = ::open((dir + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return fail_errno("cannot open " + dir + "/lock", errno);
  StateLock lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno("cannot lock " + dir + "/lock", errno);
    return fail(ErrorCode::kUnavailable,
                dir + " is in use by another process: stop that one first");
  }
  return lock;
}

StateLock::StateLock(StateLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

StateLock::~StateLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace forebay
