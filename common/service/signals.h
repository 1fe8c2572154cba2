// SIGTERM, SIGINT and, for who can read its settings again, SIGHUP as a readable descriptor.
#pragma once

#include <functional>
#include <string>

namespace forebay {

/// Blocks the signals for this thread and those it starts from now on (so: first thing in main),
/// and SIGPIPE for the process; what arrives makes `descriptor` readable.
class StopSignals {
 public:
  /// Whether the program is to leave off what it does, and to begin anew with what has been read.
  using Reload = std::function<bool()>;

  /// With `reload`, SIGHUP is taken, too, and asks it.
  explicit StopSignals(Reload reload = {});
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// Forgets that it was ready: it begins (anew).
  void begin() { ready_ = false; }
  /// Recovery is done and all is bound; tells systemd, with a status line.
  void set_ready(const std::string& status);
  /// Whether it was, since begin().
  [[nodiscard]] bool ready() const { return ready_; }
  /// Whether the program is to leave off: a stop signal has arrived, or a SIGHUP that `reload` is for.
  /// Takes it, and tells systemd.
  [[nodiscard]] bool arrived();
  /// Whether a stop signal has arrived, ever: then there is no reload any more.
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  Reload reload_;
  bool ready_ = false, stopped_ = false;
  int descriptor_;
};

}  // namespace forebay
