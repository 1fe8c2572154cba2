// Exceptions to the week and capacities, kept in blocks of 32 days: one record holds what is known
// of a block's days, so that a query reads at most three.
//
// Value: u32 closed | u32 opened | u32 limited | u32 used, a bit for each day, then an i64 for each
// day of `limited` (the capacity set) and one for each of `used` (the sum of what was used), in the
// order of days; little-endian.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nodes/sourcing/calendar.h"

namespace forebay {

inline constexpr int kBlockDays = 32;

/// The number of the block a date lies in; negative before 1970.
[[nodiscard]] inline std::int32_t block_of(CivilDate date) {
  return static_cast<std::int32_t>(date.time_since_epoch().count() >> 5);
}
/// The date's place in its block.
[[nodiscard]] inline unsigned day_of_block(CivilDate date) {
  return static_cast<unsigned>(date.time_since_epoch().count() & (kBlockDays - 1));
}

/// A block taken apart, to be changed.
class DayBlock {
 public:
  /// An empty `value` is a block of which nothing is known.
  explicit DayBlock(std::string_view value);

  /// The later exception of a day wins.
  void set_exception(unsigned day, bool open);
  void set_capacity(unsigned day, std::int64_t capacity);
  /// False, and nothing changed, if the sum would leave 64 bits.
  [[nodiscard]] bool add_used(unsigned day, std::int64_t used);

  [[nodiscard]] std::string encode() const;

 private:
  std::uint32_t closed_ = 0, opened_ = 0, limited_ = 0, used_ = 0;
  std::array<std::int64_t, kBlockDays> capacity_{}, sum_used_{};
};

/// A stored block, read in place.
class DayBlockView {
 public:
  DayBlockView() = default;  // nothing is known
  explicit DayBlockView(std::string_view value);

  [[nodiscard]] std::uint32_t closed() const { return word(0); }
  [[nodiscard]] std::uint32_t opened() const { return word(1); }
  /// Whether `wanted` more go into the day's capacity. A day without a capacity has room for
  /// everything.
  [[nodiscard]] bool has_room(unsigned day, std::int64_t wanted) const;

 private:
  [[nodiscard]] std::uint32_t word(std::size_t index) const;
  std::string_view value_;
};

/// The blocks that the 64 days of a DayMask may lie in, the first day's first.
using DayBlocks = std::array<DayBlockView, (64 + 2 * kBlockDays - 2) / kBlockDays>;

/// What is known of an FC's or carrier's days: the 64 days of a DayMask from `first` on.
class DayWindow {
 public:
  DayWindow(CivilDate first, const DayBlocks& blocks) : first_(first), blocks_(blocks) {}

  /// The working days: the week, but for the exceptions.
  [[nodiscard]] DayMask working(WeekDays week) const;
  [[nodiscard]] bool has_room(int day, std::int64_t wanted) const;

 private:
  CivilDate first_;
  DayBlocks blocks_;
};

}  // namespace forebay
