// What is wrong with a topology file, where, and how to mend it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace forebay {

/// A position in the file, both from 1; 0 means the file as a whole.
struct Place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  friend auto operator<=>(const Place&, const Place&) = default;
};

struct Problem {
  Place place;
  std::string what;
  std::string mend;  // what to do about it; never empty

  /// "`file`:line:column: what; mend", the form that editors jump to.
  [[nodiscard]] std::string text(std::string_view file) const;
};

using Problems = std::vector<Problem>;

/// A name as messages write it: 'inventory'.
[[nodiscard]] std::string in_quotes(std::string_view name);

/// Of `known`, the name that `given` was most likely meant to be; empty if none is near.
[[nodiscard]] std::string_view nearest(std::string_view given,
                                       const std::vector<std::string_view>& known);

/// A mend for the unknown name `given`: "did you mean 'inventory'?", else "known: 'a', 'b'" or,
/// when nothing is known, `otherwise`.
[[nodiscard]] std::string mend_name(std::string_view given,
                                    const std::vector<std::string_view>& known,
                                    std::string_view otherwise);

}  // namespace forebay
