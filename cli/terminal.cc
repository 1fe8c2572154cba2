#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "common/base/result.h"

namespace forebay {
namespace {

// Another screen, no cursor, no wrapping of long lines; and back. xterm's, which all have taken over.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr std::string_view kLeave = "\x1b[?7h\x1b[?25h\x1b[?1049l";

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

bool Terminal::is_there() {
  const std::string_view kind = environment("TERM");
  return ::isatty(STDOUT_FILENO) != 0 && !kind.empty() && kind != "dumb";
}

bool Terminal::has_colours() { return environment("NO_COLOR").empty(); }

Terminal::Terminal() {
  sigset_t changes;
  sigemptyset(&changes);
  sigaddset(&changes, SIGWINCH);
  sigaddset(&changes, SIGTSTP);
  FOREBAY_INVARIANT(pthread_sigmask(SIG_BLOCK, &changes, nullptr) == 0);
  signals_ = ::signalfd(-1, &changes, SFD_CLOEXEC | SFD_NONBLOCK);
  FOREBAY_INVARIANT(signals_ >= 0);
  termios now{};
  if (::tcgetattr(STDIN_FILENO, &now) == 0) before_ = now;
  enter();
}

Terminal::~Terminal() {
  leave();
  ::close(signals_);
}

void Terminal::enter() {
  if (before_) {
    termios keys = *before_;
    keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);  // each at once, and not shown
    keys.c_cc[VMIN] = 0;
    keys.c_cc[VTIME] = 0;
    keys.c_cc[VQUIT] = _POSIX_VDISABLE;  // it would end without giving the terminal back
    ::tcsetattr(STDIN_FILENO, TCSANOW, &keys);
  }
  static_cast<void>(show(kEnter));
}

void Terminal::leave() {
  static_cast<void>(show(kLeave));
  if (before_) ::tcsetattr(STDIN_FILENO, TCSANOW, &*before_);
}

Terminal::Size Terminal::size() const {
  winsize window{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0)
    return {80, 24};
  return {window.ws_col, window.ws_row};
}

bool Terminal::show(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

void Terminal::take_changes() {
  signalfd_siginfo info{};
  while (::read(signals_, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo != SIGTSTP) continue;
    leave();
    // As if it had not been held: who has no shell that would let it go on is not stopped.
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    ::raise(SIGTSTP);
    FOREBAY_INVARIANT(pthread_sigmask(SIG_UNBLOCK, &stop, nullptr) == 0);
    FOREBAY_INVARIANT(pthread_sigmask(SIG_BLOCK, &stop, nullptr) == 0);
    enter();
  }
}

int Terminal::keys() const { return before_ ? STDIN_FILENO : -1; }

std::optional<std::string_view> Terminal::take_keys() {
  const ssize_t count = ::read(STDIN_FILENO, typed_, sizeof typed_);
  if (count <= 0) return std::nullopt;
  return std::string_view(typed_, static_cast<std::size_t>(count));
}

}  // namespace forebay
