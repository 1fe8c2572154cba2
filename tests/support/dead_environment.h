// An LMDB environment whose next commit fails where it counts, and how a process ends that goes on with it.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>

namespace forebay::test {

/// Makes the descriptor that LMDB writes its first pages on (the one that is O_DSYNC) one that
/// cannot be written: the next commit of the environment in `dir` fails, and the environment is dead.
inline void break_first_pages(const std::string& dir) {
  namespace fs = std::filesystem;
  const fs::path file = fs::canonical(dir) / "data.mdb";
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    if (fs::read_symlink(entry.path(), error) != file) continue;
    const int descriptor = std::atoi(entry.path().filename().c_str());
    if ((::fcntl(descriptor, F_GETFL) & O_DSYNC) == 0) continue;
    const int unwritable = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    ::dup2(unwritable, descriptor);
    ::close(unwritable);
    return;
  }
}

/// The exit code of a child that does this; -1 if a signal ended it.
inline int exit_code_of(const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    std::_Exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace forebay::test
