#include "cli/command_output.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <tuple>
#include <utility>

namespace forebay {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t kSaidBytesMax = 4096;

/// What comes out of an end of a pipe, the last of it.
class Pipe {
 public:
  explicit Pipe(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  ~Pipe() {
    for (const int end : ends_) {
      if (end >= 0) ::close(end);
    }
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  [[nodiscard]] bool open() { return ::pipe2(ends_.data(), O_CLOEXEC) == 0; }
  [[nodiscard]] int input() const { return ends_[1]; }
  void close_input() { ::close(std::exchange(ends_[1], -1)); }
  /// -1 once all is read.
  [[nodiscard]] int output() const { return ends_[0]; }
  void read() {
    std::array<char, 65536> bytes{};
    const ssize_t got = ::read(ends_[0], bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) {
      ::close(std::exchange(ends_[0], -1));
      return;
    }
    text_.append(bytes.data(), static_cast<std::size_t>(got));
    if (text_.size() > 2 * bytes_max_) cut();
  }
  /// Whole lines, and whether there was more before them.
  [[nodiscard]] std::pair<std::string, bool> last_lines() {
    if (text_.size() > bytes_max_) cut();
    if (!cut_) return {text_, false};
    const std::size_t end = text_.find('\n');
    return {text_.substr(end == std::string::npos ? text_.size() : end + 1), true};
  }

 private:
  void cut() {
    text_.erase(0, text_.size() - bytes_max_);
    cut_ = true;
  }

  std::size_t bytes_max_;
  std::array<int, 2> ends_{-1, -1};
  std::string text_;
  bool cut_ = false;
};

Result<pid_t> spawn(const std::vector<std::string>& argv, Pipe& out, Pipe& errors) {
  if (!out.open() || !errors.open()) return fail_errno("no pipe", errno);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out.input(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, errors.input(), STDERR_FILENO);
  std::vector<std::string> words = argv;
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_t process = 0;
  const int error =
      ::posix_spawnp(&process, pointers[0], &actions, nullptr, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  out.close_input();
  errors.close_input();
  if (error == 0) return process;
  if (error == ENOENT) return fail(ErrorCode::kNotFound, "there is no " + argv[0]);
  return fail_errno("cannot start " + argv[0], error);
}

/// False if the time was over before the end of both.
bool read_to_end(Pipe& out, Pipe& errors, Steady::time_point end) {
  while (out.output() >= 0 || errors.output() >= 0) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Steady::now()).count();
    if (left <= 0) return false;
    std::array<pollfd, 2> waited{pollfd{out.output(), POLLIN, 0},
                                 pollfd{errors.output(), POLLIN, 0}};
    if (::poll(waited.data(), waited.size(), static_cast<int>(left)) <= 0) continue;
    if (waited[0].revents != 0) out.read();
    if (waited[1].revents != 0) errors.read();
  }
  return true;
}

/// The last that is no empty line.
std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of(" \r\n");
  if (end == std::string::npos) return {};
  const std::size_t before = text.rfind('\n', end);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  return text.substr(begin, end + 1 - begin);
}

}  // namespace

Result<CommandOutput> output_of(const std::vector<std::string>& argv, std::size_t bytes_max,
                                std::chrono::milliseconds timeout) {
  Pipe out(bytes_max), errors(kSaidBytesMax);
  const auto process = spawn(argv, out, errors);
  if (!process) return fail(process.error());
  const bool ended = read_to_end(out, errors, Steady::now() + timeout);
  if (!ended) ::kill(*process, SIGKILL);
  int status = 0;
  while (::waitpid(*process, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) return fail(ErrorCode::kTimeout, argv[0] + " takes too long");
  CommandOutput output;
  output.said = last_line(errors.last_lines().first);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return fail(ErrorCode::kIo,
                argv[0] + " failed" + (output.said.empty() ? "" : ": " + output.said));
  std::tie(output.text, output.cut) = out.last_lines();
  return output;
}

}  // namespace forebay
