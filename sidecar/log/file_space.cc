#include "sidecar/log/file_space.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "common/base/limits.h"

namespace forebay {

Result<void> FileSpace::ensure(std::uint64_t needed, std::uint64_t used,
                               const std::function<std::uint64_t()>& free_inside) {
  const auto headroom_now = [&] { return size_ > used ? size_ - used : 0; };
  const std::uint64_t wanted = needed + limits::kFileReserveBytes;
  if (headroom_now() >= wanted) return {};
  // Asked only now: a file whose times were looked at has its inode written by the next commit,
  // which then takes a seventh longer.
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) return fail_errno("cannot stat the log's file", errno);
  size_ = static_cast<std::uint64_t>(status.st_size);
  const std::uint64_t headroom = headroom_now();
  if (headroom >= wanted) return {};
  const auto growth = grow(size_, wanted - headroom);
  if (!growth) return fail(growth.error());
  if (*growth == Growth::kGrown) return {};
  // The file cannot grow, but what was trimmed can be used again. Twice what is needed, since a
  // large value wants its pages in one piece; on a disk that is really full the unused tail must
  // hold it too, should that fail.
  const bool recyclable = free_inside() >= 2 * needed + limits::kFileReserveBytes;
  if (recyclable && (*growth == Growth::kLimit || headroom >= needed)) return {};
  return fail(ErrorCode::kFull,
              *growth == Growth::kLimit
                  ? "the log has reached its limit (disk_max): raise it, or let retention trim"
                  : "the disk of the log is full: make room, or let retention trim");
}

Result<Room> FileSpace::room(std::uint64_t used, std::uint64_t free_inside) const {
  struct statvfs disk {};
  if (::fstatvfs(descriptor_, &disk) != 0)
    return fail_errno("cannot ask for the room of the log's disk", errno);
  const std::uint64_t size = size_;                           // not fstat's, for the reason above
  const std::uint64_t ahead = size > used ? size - used : 0;  // allocated before it is needed
  Room room{disk.f_bavail * disk.f_frsize + ahead, disk.f_blocks * disk.f_frsize};
  if (bytes_max_ && *bytes_max_ < used + room.left)
    room.left = *bytes_max_ > used ? *bytes_max_ - used : 0;
  room.left += free_inside;
  room.left -= std::min(room.left, limits::kFileReserveBytes);  // not for events
  if (bytes_max_) room.of = std::min(room.of, *bytes_max_);
  return room;
}

Result<FileSpace::Growth> FileSpace::grow(std::uint64_t size, std::uint64_t wanted) {
  std::uint64_t step = std::max<std::uint64_t>(limits::kFileStepBytes, wanted);
  bool limited = false;
  if (bytes_max_ && size + step > *bytes_max_) {
    step = *bytes_max_ > size ? *bytes_max_ - size : 0;
    limited = true;
    if (step < wanted) return Growth::kLimit;
  }
  while (true) {
    if (::fallocate(descriptor_, 0, static_cast<off_t>(size), static_cast<off_t>(step)) == 0) {
      return Growth::kGrown;
    }
    if (errno == EINTR) continue;
    // A file system that cannot allocate ahead: the file grows as it is written.
    if (errno == EOPNOTSUPP || errno == ENOSYS) return Growth::kGrown;
    if (errno != ENOSPC && errno != EDQUOT)
      return fail_errno("cannot extend the log's file", errno);
    if (step == wanted) return limited ? Growth::kLimit : Growth::kDiskFull;
    step = wanted;
  }
}

}  // namespace forebay
