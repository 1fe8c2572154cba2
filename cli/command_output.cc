#include "cli/command_output.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace forebay {
namespace {

using Steady = std::chrono::steady_clock;

/// The program's id, and in `out` the end to read from.
Result<pid_t> spawn(const std::vector<std::string>& argv, int& out) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("no pipe", errno);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<std::string> words = argv;
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_t process = 0;
  const int error =
      ::posix_spawnp(&process, pointers[0], &actions, nullptr, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  out = ends[0];
  if (error == 0) return process;
  ::close(ends[0]);
  if (error == ENOENT) return fail(ErrorCode::kNotFound, "there is no " + argv[0]);
  return fail_errno("cannot start " + argv[0], error);
}

/// False if the time was over before the end.
bool read_to_end(int descriptor, Steady::time_point end, std::size_t bytes_max,
                 CommandOutput& output) {
  std::array<char, 65536> bytes{};
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Steady::now()).count();
    if (left <= 0) return false;
    pollfd waited{descriptor, POLLIN, 0};
    if (::poll(&waited, 1, static_cast<int>(left)) <= 0) continue;
    const ssize_t got = ::read(descriptor, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    output.text.append(bytes.data(), static_cast<std::size_t>(got));
    if (output.text.size() > 2 * bytes_max) {
      output.text.erase(0, output.text.size() - bytes_max);
      output.cut = true;
    }
  }
}

void keep_last_lines(CommandOutput& output, std::size_t bytes_max) {
  if (output.text.size() > bytes_max) {
    output.text.erase(0, output.text.size() - bytes_max);
    output.cut = true;
  }
  if (!output.cut) return;
  const std::size_t end = output.text.find('\n');
  output.text.erase(0, end == std::string::npos ? end : end + 1);
}

}  // namespace

Result<CommandOutput> output_of(const std::vector<std::string>& argv, std::size_t bytes_max,
                                std::chrono::milliseconds timeout) {
  int descriptor = -1;
  const auto process = spawn(argv, descriptor);
  if (!process) return fail(process.error());
  CommandOutput output;
  const bool ended = read_to_end(descriptor, Steady::now() + timeout, bytes_max, output);
  ::close(descriptor);
  if (!ended) ::kill(*process, SIGKILL);
  int status = 0;
  while (::waitpid(*process, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) return fail(ErrorCode::kTimeout, argv[0] + " takes too long");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return fail(ErrorCode::kIo, argv[0] + " failed");
  keep_last_lines(output, bytes_max);
  return output;
}

}  // namespace forebay
