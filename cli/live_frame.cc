#include "cli/live_frame.h"

#include <algorithm>
#include <array>

#include "cli/status_report.h"
#include "cli/table.h"

namespace forebay {
namespace {

using Row = std::vector<std::string>;
using Rows = std::vector<Row>;

// Columns of status_rows, and the last of alert_rows, that go where it is too wide, the first of them
// first.
constexpr std::array<std::string_view, 9> kSpared = {"OLDEST", "BYTES", "CURSOR", "FAILED", "STATE",
                                                     "RATE",   "HEAD",  "AGE",    "SINCE"};
constexpr std::size_t kLastColumns = 20;  // of the last column: the rest of it may be cut

struct Line {
  std::string text;
  bool unwell = false, heading = false;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::size_t width_of(Rows rows) {
  for (Row& row : rows) row.back() = row.back().substr(0, kLastColumns);
  std::size_t widest = 0;
  for (const std::string& line : lines_of(aligned(rows))) widest = std::max(widest, line.size());
  return widest;
}

/// Without as many columns as it takes.
Rows narrowed(Rows rows, std::size_t columns) {
  for (const std::string_view spared : kSpared) {
    if (rows.empty() || width_of(rows) <= columns) break;
    const auto column = std::find(rows.front().begin(), rows.front().end(), spared);
    if (column == rows.front().end()) continue;
    const auto at = column - rows.front().begin();
    for (Row& row : rows) row.erase(row.begin() + at);
  }
  return rows;
}

std::string counted(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

/// A heading and rows, within so many lines; what is left out is counted in the last.
std::vector<Line> fitted(std::vector<Line> lines, std::size_t room, const std::string& noun) {
  if (lines.size() <= room) return lines;
  std::stable_partition(lines.begin() + 1, lines.end(),
                        [](const Line& each) { return each.unwell; });
  const std::size_t kept = std::max<std::size_t>(room, 2) - 1;
  const auto more = static_cast<std::size_t>(
      std::count_if(lines.begin() + static_cast<std::ptrdiff_t>(kept), lines.end(),
                    [](const Line& each) { return each.unwell; }));
  const std::size_t left_out = lines.size() - kept;
  lines.resize(kept);
  lines.push_back(
      {"… " + counted(left_out, "more " + noun) +
           (more == 0 || more == left_out ? "" : ", " + std::to_string(more) + " not well"),
       more > 0, false});
  if (lines.size() > room) lines.resize(room);
  return lines;
}

std::vector<Line> table_lines(const Rows& rows, std::size_t columns) {
  std::vector<Line> lines;
  const std::vector<std::string> texts = lines_of(aligned(narrowed(rows, columns)));
  for (std::size_t i = 0; i < texts.size(); ++i)
    lines.push_back({texts[i], i > 0 && is_unwell(rows[i]), i == 0});
  return lines;
}

std::vector<Line> alert_lines(const Rows& rows, std::size_t columns) {
  std::vector<Line> lines;
  for (const std::string& text : lines_of(aligned(narrowed(rows, columns))))
    lines.push_back({text, !lines.empty(), lines.empty()});
  return lines;
}

std::string painted(const Line& line, const Window& window) {
  const std::string text(cut_to(line.text, window.columns));
  if (!line.unwell && !line.heading) return text;
  const char* look = line.unwell && window.colours ? "\x1b[1;31m" : "\x1b[1m";
  return look + text + "\x1b[0m";
}

Line first_line(const LiveStatus& status) {
  const auto unwell = static_cast<std::size_t>(
      status.rows.empty() ? 0
                          : std::count_if(status.rows.begin() + 1, status.rows.end(), is_unwell));
  const std::size_t alerts = status.alerts.empty() ? 0 : status.alerts.size() - 1;
  std::string text = status.name + "  " + status.time + "  ";
  if (status.rows.empty()) {
    text += "asking …";
  } else if (unwell + alerts == 0) {
    text += "all is well";
  } else {
    text += std::to_string(unwell) + " of " + counted(status.rows.size() - 1, "row") +
            " not well, " + counted(alerts, "alert");
  }
  return {text + "  (q quits)", unwell + alerts > 0, true};
}

}  // namespace

std::string_view cut_to(std::string_view text, std::size_t columns) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
    if (begins && seen++ == columns) return text.substr(0, i);
  }
  return text;
}

std::string live_frame(const LiveStatus& status, const Window& window) {
  std::vector<Line> lines{first_line(status), {}};
  const std::size_t room = window.lines > lines.size() ? window.lines - lines.size() : 0;
  std::vector<Line> table = table_lines(status.rows, window.columns);
  std::vector<Line> alerts = alert_lines(status.alerts, window.columns);
  // The alerts have what the table leaves, and half of it all at least; where that is next to
  // nothing, the first line counts them.
  std::size_t between = alerts.empty() ? 0 : 1;
  const std::size_t left = room > table.size() + between ? room - table.size() - between : 0;
  alerts = fitted(std::move(alerts), std::max(left, room / 2), "alert");
  if (alerts.size() < 2) {
    alerts.clear();
    between = 0;
  }
  const std::size_t taken = alerts.size() + between;
  table = fitted(std::move(table), room > taken ? room - taken : 0, "row");
  lines.insert(lines.end(), table.begin(), table.end());
  if (between > 0) lines.emplace_back();
  lines.insert(lines.end(), alerts.begin(), alerts.end());
  lines.resize(std::min(lines.size(), window.lines));

  // Each line is put over the one before, and then what that had more is cleared.
  std::string bytes = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) bytes += "\r\n";
    bytes += painted(lines[i], window) + "\x1b[K";
  }
  return bytes + "\x1b[J";
}

}  // namespace forebay
