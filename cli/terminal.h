// The terminal that a verb draws on: a screen of its own, which goes with it, so that what stood
// there before is there again; its size; its keys. Not for output that is to stay.
#pragma once

#include <termios.h>

#include <cstddef>
#include <optional>
#include <string_view>

namespace forebay {

class Terminal {
 public:
  /// Whether stdout is one that can be drawn on, by its TERM.
  [[nodiscard]] static bool is_there();

  /// Takes it, and SIGWINCH and SIGTSTP for this thread and those it starts from now on. One a
  /// process.
  Terminal();
  /// Gives it back as it was.
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  struct Size {
    std::size_t columns, lines;
  };
  [[nodiscard]] Size size() const;
  /// By NO_COLOR (no-color.org).
  [[nodiscard]] static bool has_colours();
  /// At once; false if the terminal is gone.
  [[nodiscard]] bool show(std::string_view bytes);

  /// Readable when its size has changed, or somebody wants it back for a while (Ctrl-Z).
  [[nodiscard]] int changes() const { return signals_; }
  /// Takes what has changed. Gives it back for as long as this process is stopped. Then all is to be
  /// shown anew.
  void take_changes();

  /// Readable when a key was pressed; -1: there are no keys, since stdin is something else.
  [[nodiscard]] int keys() const;
  /// The keys that were pressed; nullopt: there will be none.
  [[nodiscard]] std::optional<std::string_view> take_keys();

 private:
  void enter();
  void leave();

  int signals_ = -1;
  std::optional<termios> before_;  // of stdin, if that is a terminal
  char typed_[64] = {};
};

}  // namespace forebay
