// A bar on stderr for what takes more than a second, on a terminal only:
//
//   [==========          ] 51%  120000 events, 240000/s, 0:03 left
//
// Without a known total it shows count and rate alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace forebay {

/// The bar's line; fractions of a total of 0 are not shown.
[[nodiscard]] std::string progress_line(std::uint64_t done, std::uint64_t total,
                                        std::uint64_t events, std::chrono::nanoseconds elapsed);

class Progress {
 public:
  /// `label` stands before the bar; empty: none.
  explicit Progress(std::string label = {});
  /// Wipes the bar.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` of `total` in any unit (bytes); a total of 0 is unknown.
  void show(std::uint64_t done, std::uint64_t total, std::uint64_t events);

 private:
  using Steady = std::chrono::steady_clock;
  std::string label_;
  bool terminal_;
  bool shown_ = false;
  Steady::time_point start_ = Steady::now();
  Steady::time_point next_;
};

}  // namespace forebay
