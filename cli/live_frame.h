// One picture of `forebay status --watch` on a terminal: the table, the alerts, cut to the window.
// Pure: what is shown, and when, is status_verb.cc's; the terminal is terminal.h's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace forebay {

struct LiveStatus {
  std::string name;                              // of the topology
  std::string time;                              // of the picture
  std::vector<std::vector<std::string>> rows;    // of status_rows
  std::vector<std::vector<std::string>> alerts;  // of alert_rows
};

struct Window {
  std::size_t columns = 80, lines = 24;
  bool colours = true;
};

/// The bytes that put it over the picture before, without a moment of an empty screen. A line at the
/// top says how much is not well; what is not well is bold, and red. Where the table is too wide,
/// columns go, but never those of what is lost, behind or not well; where it is too high, what is
/// not well comes first, and the last line says how many rows there are besides.
[[nodiscard]] std::string live_frame(const LiveStatus& status, const Window& window);

/// The beginning of UTF-8 that fills at most so many columns, each character taken for one.
[[nodiscard]] std::string_view cut_to(std::string_view text, std::size_t columns);

}  // namespace forebay
