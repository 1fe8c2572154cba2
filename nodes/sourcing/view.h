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
//   fc       fc,                          fulfilment  u16 cutoff | u8 week | u32 handling days |
//                                                     zone | time zone | u8 restricted | carriers
//            fc, 'd', block               fulfilment  DayBlock: exceptions, capacity in orders
//            fc, 'r', block, carrier      carriers    DayBlock: capacity in boxes
//   carrier  carrier,                     carriers    u16 cutoff or ffff | u8 week | i64×3 box
//                                                     sides ascending | i64 box weight | refuses
//            carrier, 'd', block          carriers    DayBlock: exceptions
//   lane     to zone, from zone, carrier  carriers    u32 transit days
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

// Records as a query sees them; they borrow from the transaction.
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

/// The view at the moment of one transaction, which outlives the reader and all that it gave; for
/// one query. Lists come in byte order. What is asked of one FC, carrier or zone after another in
/// the order of the table is cheapest.
class ViewReader {
 public:
  explicit ViewReader(const ReadTransaction& transaction);

  [[nodiscard]] std::optional<ItemRecord> item(std::string_view sku) const;
  [[nodiscard]] std::optional<FcRecord> fc(std::string_view name);
  [[nodiscard]] std::optional<CarrierRecord> carrier(std::string_view name);
  /// What is known of an FC's and of a carrier's days, from `first` on.
  [[nodiscard]] DayWindow fc_days(std::string_view fc, CivilDate first);
  [[nodiscard]] DayWindow carrier_days(std::string_view carrier, CivilDate first);

  void stock(std::string_view sku,
             const std::function<void(std::string_view fc, std::int64_t on_hand)>& visit);
  void lanes(std::string_view from_zone, std::string_view to_zone,
             const std::function<void(std::string_view carrier, std::int64_t transit_days)>& visit);
  /// The capacities of the carriers at an FC in one block of days.
  void carrier_room(
      std::string_view fc, std::int32_t block,
      const std::function<void(std::string_view carrier, DayBlockView capacity)>& visit);

 private:
  const ReadTransaction& transaction_;
  TableCursor stock_, fc_, carrier_, lane_;
};

}  // namespace forebay
