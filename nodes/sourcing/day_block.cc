#include "nodes/sourcing/day_block.h"

#include <bit>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace forebay {
namespace {

constexpr std::size_t kHeadBytes = 16;

constexpr std::uint32_t bit(unsigned day) { return std::uint32_t{1} << day; }

/// A block's bits moved to where it lies among the days of a mask.
DayMask spread(std::uint32_t bits, int offset) {
  if (offset >= 64) return 0;
  return offset >= 0 ? DayMask{bits} << offset : DayMask{bits} >> -offset;
}

}  // namespace

DayBlock::DayBlock(std::string_view value) {
  if (value.empty()) return;
  FOREBAY_INVARIANT(value.size() >= kHeadBytes);
  closed_ = load_le<std::uint32_t>(value.data());
  opened_ = load_le<std::uint32_t>(value.data() + 4);
  limited_ = load_le<std::uint32_t>(value.data() + 8);
  used_ = load_le<std::uint32_t>(value.data() + 12);
  const char* at = value.data() + kHeadBytes;
  const auto fill = [&](std::uint32_t days, auto& numbers) {
    for (; days != 0; days &= days - 1, at += 8) {
      FOREBAY_INVARIANT(at + 8 <= value.data() + value.size());
      numbers[static_cast<std::size_t>(std::countr_zero(days))] = load_le<std::int64_t>(at);
    }
  };
  fill(limited_, capacity_);
  fill(used_, sum_used_);
}

void DayBlock::set_exception(unsigned day, bool open) {
  (open ? opened_ : closed_) |= bit(day);
  (open ? closed_ : opened_) &= ~bit(day);
}

void DayBlock::set_capacity(unsigned day, std::int64_t capacity) {
  limited_ |= bit(day);
  capacity_[day] = capacity;
}

bool DayBlock::add_used(unsigned day, std::int64_t used) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(sum_used_[day], used, &sum)) return false;
  used_ |= bit(day);
  sum_used_[day] = sum;
  return true;
}

std::string DayBlock::encode() const {
  std::string out;
  out.reserve(kHeadBytes +
              8 * static_cast<std::size_t>(std::popcount(limited_) + std::popcount(used_)));
  for (const std::uint32_t word : {closed_, opened_, limited_, used_}) append_le(out, word);
  const auto append = [&](std::uint32_t days, const auto& numbers) {
    for (; days != 0; days &= days - 1) {
      append_le(out, numbers[static_cast<std::size_t>(std::countr_zero(days))]);
    }
  };
  append(limited_, capacity_);
  append(used_, sum_used_);
  return out;
}

DayBlockView::DayBlockView(std::string_view value) : value_(value) {
  FOREBAY_INVARIANT(value.size() >= kHeadBytes &&
                    value.size() ==
                        kHeadBytes + 8 * static_cast<std::size_t>(std::popcount(word(2)) +
                                                                  std::popcount(word(3))));
}

std::uint32_t DayBlockView::word(std::size_t index) const {
  return value_.empty() ? 0 : load_le<std::uint32_t>(value_.data() + 4 * index);
}

bool DayBlockView::has_room(unsigned day, std::int64_t wanted) const {
  const std::uint32_t limited = word(2), used = word(3), before = bit(day) - 1;
  if ((limited & bit(day)) == 0) return true;
  const auto number = [&](int index) {
    return load_le<std::int64_t>(value_.data() + kHeadBytes + 8 * static_cast<std::size_t>(index));
  };
  const std::int64_t capacity = number(std::popcount(limited & before));
  const std::int64_t sum_used =
      (used & bit(day)) == 0 ? 0 : number(std::popcount(limited) + std::popcount(used & before));
  std::int64_t left = 0;
  if (__builtin_sub_overflow(capacity, sum_used, &left)) return sum_used < 0;
  return left >= wanted;
}

DayMask DayWindow::working(WeekDays week) const {
  DayMask closed = 0, opened = 0;
  int offset = -static_cast<int>(day_of_block(first_));
  for (const DayBlockView& block : blocks_) {
    closed |= spread(block.closed(), offset);
    opened |= spread(block.opened(), offset);
    offset += kBlockDays;
  }
  return (week_mask(week, first_) & ~closed) | opened;
}

bool DayWindow::has_room(int day, std::int64_t wanted) const {
  const CivilDate date = first_ + std::chrono::days(day);
  return blocks_[static_cast<std::size_t>(block_of(date) - block_of(first_))].has_room(
      day_of_block(date), wanted);
}

}  // namespace forebay
