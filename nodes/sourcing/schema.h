// What the events of the four upstream streams carry, and the check that they do (docs/edd.md,
// "Events").
//
// `data` may be hostile: it is checked before anything is built of it, and an event that breaks its
// schema is refused with the field and what is allowed. Fields beyond the schema are passed over.
// Texts are borrowed from `data`. No state.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "nodes/sourcing/calendar.h"

namespace forebay {

struct ItemUpserted {
  std::string_view sku;
  std::array<std::int64_t, 3> sides_mm;  // ascending
  std::int64_t weight_g;
  std::vector<std::string_view> attributes;  // sorted
};
struct ItemRetired {
  std::string_view sku;
};

struct StockSet {
  std::string_view sku, fc;
  std::int64_t on_hand;
};
struct StockAdjusted {
  std::string_view sku, fc;
  std::int64_t delta;
};

struct FcUpserted {
  std::string_view fc, zone, time_zone;
  TimeOfDay cutoff;
  std::int64_t handling_days;
  WeekDays working_days;
  std::optional<std::vector<std::string_view>> carriers;  // sorted; none: all carriers serve it
};
/// `fc.closed` and `fc.opened`.
struct FcException {
  std::string_view fc;
  CivilDate date;
  bool open;
};
struct FcCapacitySet {
  std::string_view fc;
  CivilDate date;
  std::int64_t orders;
};
struct FcCapacityUsed {
  std::string_view fc;
  CivilDate date;
  std::int64_t orders;  // adds; may be negative
};

struct CarrierUpserted {
  std::string_view carrier;
  WeekDays working_days;
  std::optional<TimeOfDay> cutoff;
  std::array<std::int64_t, 3> box_mm;  // ascending
  std::int64_t box_g;
  std::vector<std::string_view> refuses;  // sorted
};
/// `carrier.closed` and `carrier.opened`.
struct CarrierException {
  std::string_view carrier;
  CivilDate date;
  bool open;
};
struct CarrierCapacitySet {
  std::string_view carrier, fc;
  CivilDate date;
  std::int64_t boxes;
};
struct CarrierCapacityUsed {
  std::string_view carrier, fc;
  CivilDate date;
  std::int64_t boxes;  // adds; may be negative
};
struct LaneUpserted {
  std::string_view carrier, from_zone, to_zone;
  std::int64_t transit_days;
};
struct LaneRetired {
  std::string_view carrier, from_zone, to_zone;
};

using UpstreamEvent =
    std::variant<ItemUpserted, ItemRetired, StockSet, StockAdjusted, FcUpserted, FcException,
                 FcCapacitySet, FcCapacityUsed, CarrierUpserted, CarrierException,
                 CarrierCapacitySet, CarrierCapacityUsed, LaneUpserted, LaneRetired>;

/// kBadInput for a type that the stream does not have, and for data that breaks its schema.
[[nodiscard]] Result<UpstreamEvent> decode_upstream(std::string_view stream, std::string_view type,
                                                    std::string_view data);

}  // namespace forebay
