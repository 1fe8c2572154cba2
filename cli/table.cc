#include "cli/table.h"

#include <algorithm>

#include "common/base/printable.h"

namespace forebay {

std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  const auto shown = [](const std::string& cell) { return cell.empty() ? "-" : printable(cell); };
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
