#include "topology/units.h"

#include <array>
#include <charconv>
#include <limits>
#include <span>

namespace forebay {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Ascending, so that formatting takes the last that divides.
constexpr std::array kDurationUnits = {Unit{"ms", 1'000'000}, Unit{"s", 1'000'000'000},
                                       Unit{"m", 60'000'000'000}, Unit{"h", 3'600'000'000'000},
                                       Unit{"d", 86'400'000'000'000}};
constexpr std::array kSizeUnits = {Unit{"B", 1}, Unit{"KiB", 1ull << 10}, Unit{"MiB", 1ull << 20},
                                   Unit{"GiB", 1ull << 30}, Unit{"TiB", 1ull << 40}};
constexpr std::uint64_t kDurationMax = 100'000 * kDurationUnits.back().factor;
constexpr std::uint64_t kSizeMax = std::numeric_limits<std::int64_t>::max();

Result<std::uint64_t> parse(std::string_view text, std::span<const Unit> units, std::uint64_t most,
                            std::string_view noun, std::string_view mend) {
  const auto bad = [&](std::string_view what) {
    return fail(ErrorCode::kBadInput, "'" + std::string(text) + "' " + std::string(what) + " " +
                                          std::string(noun) + "; " + std::string(mend));
  };
  const char* end = text.data() + text.size();
  std::uint64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  const std::string_view suffix(stop, static_cast<std::size_t>(end - stop));
  for (const Unit& unit : units) {
    if (suffix != unit.name || stop == text.data()) continue;
    if (error == std::errc::result_out_of_range || number > most / unit.factor) {
      return bad("is too large for");
    }
    if (number == 0) return bad("is zero, too small for");
    return number * unit.factor;
  }
  return bad("is not");
}

std::string format(std::uint64_t value, std::span<const Unit> units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0) best = &unit;
  }
  return std::to_string(value / best->factor) + std::string(best->name);
}

}  // namespace

Result<Nanoseconds> parse_duration(std::string_view text) {
  return parse(text, kDurationUnits, kDurationMax, "a duration",
               "write a whole number and ms, s, m, h or d, e.g. \"250ms\" or \"90d\"")
      .map([](std::uint64_t ns) { return Nanoseconds(static_cast<std::int64_t>(ns)); });
}

Result<std::uint64_t> parse_size(std::string_view text) {
  return parse(text, kSizeUnits, kSizeMax, "a size",
               "write a whole number and B, KiB, MiB, GiB or TiB, e.g. \"512MiB\" or \"8GiB\"");
}

std::string format_duration(Nanoseconds duration) {
  return format(static_cast<std::uint64_t>(duration.count()), kDurationUnits);
}

std::string format_size(std::uint64_t bytes) { return format(bytes, kSizeUnits); }

}  // namespace forebay
