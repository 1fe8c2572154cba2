#include "cli/table.h"

#include <algorithm>

namespace forebay {

std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  const auto shown = [](const std::string& cell) {
    std::string text = cell.empty() ? "-" : cell;
    // Some of it comes over the network, and a terminal obeys control characters.
    const auto is_control = [](char c) { return (c >= 0 && c < ' ') || c == 127; };
    std::replace_if(text.begin(), text.end(), is_control, '?');
    return text;
  };
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], shown(row[i]).size());
    }
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string cell = shown(row[i]);
      text += cell;
      if (i + 1 < row.size()) text.append(widths[i] - cell.size() + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

}  // namespace forebay
