// An LMDB environment whose next commit fails where it counts, and how a process ends that goes on with it.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>

namespace forebay::test {

/// The descriptor of the environment in `dir` that LMDB writes its first pages on (it is O_DSYNC), or
/// the one that it writes the others on.
inline int descriptor_of(const std::string& dir, bool first_pages) {
  namespace fs = std::filesystem;
  const fs::path file = fs::canonical(dir) / "data.mdb";
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    if (fs::read_symlink(entry.path(), error) != file) continue;
    const int descriptor = std::atoi(entry.path().filename().c_str());
    const int flags = ::fcntl(descriptor, F_GETFL);
    const bool writes = (flags & O_ACCMODE) == O_RDWR || (flags & O_ACCMODE) == O_WRONLY;
    if (writes && ((flags & O_DSYNC) != 0) == first_pages) return descriptor;
  }
  return -1;
}

/// While it lives, that descriptor cannot be written: commits fail, and with the first pages the
/// environment is dead from then on.
class Unwritable {
 public:
  Unwritable(const std::string& dir, bool first_pages)
      : descriptor_(descriptor_of(dir, first_pages)),
        kept_(::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0)) {
    const int unwritable = ::open((dir + "/data.mdb").c_str(), O_RDONLY | O_CLOEXEC);
    ::dup2(unwritable, descriptor_);
    ::close(unwritable);
  }
  Unwritable(const Unwritable&) = delete;
  Unwritable& operator=(const Unwritable&) = delete;
  ~Unwritable() {
    ::dup2(kept_, descriptor_);
    ::close(kept_);
  }

 private:
  int descriptor_, kept_;
};

/// The exit code of a child that does this; -1 if a signal ended it.
inline int exit_code_of(const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);  // else Catch2 reports the child's end as the test's
    body();
    std::_Exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace forebay::test
