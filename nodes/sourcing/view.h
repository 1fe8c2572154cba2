// The sourcing node's view: its tables, the handler that folds events into them, and the reader
// that queries use.
//
// Each record is folded from one stream. A name in the middle of a key is preceded by its length
// (u8), a name at the end stands bare, so that a prefix scan gives names in byte order. A block
// number is big-endian with its sign bit turned.
//
//   table    key                          stream      value
//   item     sku                          catalog     u32×3 sides ascending | u32 weight | attributes
//   stock    sku, fc                      inventory   i64 on hand
//   fc       (an empty name)              fulfilment  Changes: of FCs; of FCs' days
//            fc                           fulfilment  u16 cutoff | u8 week | u32 handling days |
//                                                     zone | time zone | u8 restricted | carriers
//            fc, 'd', block               fulfilment  DayBlock: exceptions, capacity in orders
//            fc, 'r', block, carrier      carriers    DayBlock: capacity in boxes
//   carrier  (an empty name)              carriers    Changes: of carriers, their exceptions, lanes;
//                                                     of carriers' room at FCs
//            carrier                      carriers    u16 cutoff or ffff | u8 week | i64×3 box
//                                                     sides ascending | i64 box weight | refuses
//            carrier, 'd', block          carriers    DayBlock: exceptions
//   lane     to zone, from zone, carrier  carriers    u32 transit days
//
// Changes, by which what was kept in memory is known to be still true (tables.h): u64 count, then
// kDayCounters × u32, the counts of those of an FC's days; FCs share counters by the hash of their
// names. A counter that begins anew counts as a change of the first kind.
//
// What a query wants of one FC lies together, and so does what it wants of the lanes to its zone:
// one search in the tree each, and steps from there.
//
// Times of day are minutes, weeks have bit 0 for Monday, texts are u8 length and bytes, lists are
// texts to the end. What is retired is erased. Numbers are little-endian but for the block.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "common/client/handler.h"
#include "common/store/store.h"
#include "common/store/table_cursor.h"
#include "nodes/sourcing/calendar.h"
#include "nodes/sourcing/day_block.h"

namespace forebay {

/// Folds the four upstream streams. Keeps no state of its own; refuses what breaks its schema.
class SourcingHandler final : public Handler {
 public:
  [[nodiscard]] std::vector<std::string> tables() const override;
  [[nodiscard]] Result<void> apply(const EventView& event, const EventContext& context,
                                   ViewWriter& view) override;
};

/// Names as they are packed in a record, in byte order.
class PackedNames {
 public:
  class Iterator {
   public:
    explicit Iterator(const char* at) : at_(at) {}
    [[nodiscard]] std::string_view operator*() const {
      return {at_ + 1, static_cast<unsigned char>(*at_)};
    }
    Iterator& operator++() {
      at_ += 1 + static_cast<unsigned char>(*at_);
      return *this;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const char* at_;
  };

  PackedNames() = default;
  explicit PackedNames(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] Iterator begin() const { return Iterator(bytes_.data()); }
  [[nodiscard]] Iterator end() const { return Iterator(bytes_.data() + bytes_.size()); }
  [[nodiscard]] bool contains(std::string_view name) const;

 private:
  std::string_view bytes_;
};

// Records as a query sees them; they borrow from the bytes they were read from.
struct ItemRecord {
  std::array<std::int64_t, 3> sides_mm;  // ascending
  std::int64_t weight_g;
  PackedNames attributes;
};
struct FcRecord {
  std::string_view zone, time_zone;
  TimeOfDay cutoff;
  std::int64_t handling_days;
  WeekDays week;
  std::optional<PackedNames> carriers;  // none: all serve it
};
struct CarrierRecord {
  std::optional<TimeOfDay> cutoff;
  WeekDays week;
  std::array<std::int64_t, 3> box_mm;  // ascending
  std::int64_t box_g;
  PackedNames refuses;
};

/// What ViewReader::fc and ViewReader::carrier gave; they borrow from `bytes`.
[[nodiscard]] FcRecord parse_fc(std::string_view bytes);
[[nodiscard]] CarrierRecord parse_carrier(std::string_view bytes);

inline constexpr std::size_t kDayCounters = 1000;  // a page's worth
/// Which of the counters counts the changes to an FC's days.
[[nodiscard]] std::size_t day_counter_of(std::string_view fc);

/// While they stay the same in a store, so does what is known of the days of FCs with that counter.
struct DayChanges {
  std::uint32_t fc, room;
  friend bool operator==(const DayChanges&, const DayChanges&) = default;
};
/// While `fcs` stays the same in a store, so do all FCs' records; while `carriers` does, so do
/// carriers, their exceptions and lanes.
struct ViewChanges {
  std::uint64_t fcs = 0, carriers = 0;
  std::string_view fc_days, room;  // the counters, borrowed from the transaction

  [[nodiscard]] DayChanges days(std::size_t counter) const;
};

/// The view at the moment of one transaction, which outlives the reader and all that it gave; for
/// one query. Lists come in byte order.
class ViewReader {
 public:
  explicit ViewReader(const ReadTransaction& transaction);

  [[nodiscard]] ViewChanges changes() const;
  [[nodiscard]] std::optional<ItemRecord> item(std::string_view sku) const;
  /// For parse_fc and parse_carrier; none: not known.
  [[nodiscard]] std::optional<std::string_view> fc(std::string_view name) const;
  [[nodiscard]] std::optional<std::string_view> carrier(std::string_view name) const;

  /// What is known of an FC in the blocks of DayBlocks, as bytes of a DayBlock.
  struct FcDays {
    struct Room {
      std::int32_t block;
      std::string_view carrier, capacity;
    };
    std::array<std::string_view, std::tuple_size_v<DayBlocks>> blocks;  // empty: nothing
    std::vector<Room> rooms;                                            // by block, then carrier
  };
  [[nodiscard]] FcDays fc_days(std::string_view fc, std::int32_t first_block) const;
  /// What is known of a carrier's days from `first` on.
  [[nodiscard]] DayBlocks carrier_days(std::string_view carrier, CivilDate first) const;

  void stock(std::string_view sku,
             const std::function<void(std::string_view fc, std::int64_t on_hand)>& visit);
  /// By zone, then carrier.
  void lanes_to(std::string_view zone,
                const std::function<void(std::string_view from_zone, std::string_view carrier,
                                         std::int64_t transit_days)>& visit) const;

 private:
  const ReadTransaction& transaction_;
  TableCursor stock_;
};

}  // namespace forebay
