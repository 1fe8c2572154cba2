// A .tar.gz file of texts; archive.cc is the only file that includes archive.h of libarchive.
#pragma once

#include <ctime>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace forebay {

struct ArchiveMember {
  std::string name;  // its path in the archive
  std::string text;
};

/// Mode 0600, and not there before it is complete and on disk. kBadInput if there is a file of the
/// name, which stays as it is; kIo.
[[nodiscard]] Result<void> write_archive(const std::string& path,
                                         const std::vector<ArchiveMember>& members,
                                         std::time_t time);

/// "libarchive 3.6.2".
[[nodiscard]] std::string archive_library();

}  // namespace forebay
