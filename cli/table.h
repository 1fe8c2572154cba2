// Aligned columns for terminals.
#pragma once

#include <string>
#include <vector>

namespace forebay {

/// The rows (the first is the heading) as lines, columns padded to their widest cell and two spaces
/// apart; empty cells show as "-". Widths count bytes, so cells are ASCII.
[[nodiscard]] std::string aligned(const std::vector<std::vector<std::string>>& rows);

}  // namespace forebay
