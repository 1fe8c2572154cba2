#include "topology/problem.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace forebay {
namespace {

constexpr std::size_t kNamesListedMax = 12;

/// Levenshtein distance, row by row.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string Problem::text(std::string_view file) const {
  std::string text(file);
  if (place.line != 0) {
    text += ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
  }
  return text + ": " + what + "; " + mend;
}

std::string in_quotes(std::string_view name) { return "'" + std::string(name) + "'"; }

std::string_view nearest(std::string_view given, const std::vector<std::string_view>& known) {
  std::string_view best;
  std::size_t best_distance = given.size() / 3 + 2;  // at least this far is another word
  for (std::string_view name : known) {
    const std::size_t d = distance(given.substr(0, 64), name);
    if (d < best_distance && d < name.size()) {
      best = name;
      best_distance = d;
    }
  }
  return best;
}

std::string mend_name(std::string_view given, const std::vector<std::string_view>& known,
                      std::string_view otherwise) {
  if (const std::string_view near = nearest(given, known); !near.empty()) {
    return "did you mean " + in_quotes(near) + "?";
  }
  if (known.empty()) return std::string(otherwise);
  std::string list;
  std::set<std::string_view> listed;  // a stream of two sidecars is known twice
  for (const std::string_view name : known) {
    if (listed.contains(name)) continue;
    if (listed.size() == kNamesListedMax) return list + ", …";
    list += (listed.empty() ? "known: " : ", ") + in_quotes(name);
    listed.insert(name);
  }
  return list;
}

}  // namespace forebay
