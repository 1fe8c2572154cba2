#include "nodes/sourcing/schema.h"

#include <algorithm>
#include <string>

#include "common/base/limits.h"
#include "common/event/msgpack_check.h"
#include "nodes/sourcing/fields.h"

namespace forebay {
namespace {

constexpr std::int64_t kInt64Max = std::numeric_limits<std::int64_t>::max();

std::array<std::int64_t, 3> sides(Fields& fields, std::int64_t least, std::int64_t most) {
  std::array<std::int64_t, 3> lengths = {fields.integer("length_mm", least, most),
                                         fields.integer("width_mm", least, most),
                                         fields.integer("height_mm", least, most)};
  std::sort(lengths.begin(), lengths.end());
  return lengths;
}

UpstreamEvent item_upserted(Fields& f) {
  return ItemUpserted{f.name("sku"), sides(f, 0, limits::kItemSideMmMax),
                      f.integer("weight_g", 0, limits::kItemWeightGMax), f.names("attributes")};
}

UpstreamEvent item_retired(Fields& f) { return ItemRetired{f.name("sku")}; }

UpstreamEvent stock_set(Fields& f) {
  return StockSet{f.name("sku"), f.name("fc"), f.integer("on_hand")};
}

UpstreamEvent stock_adjusted(Fields& f) {
  return StockAdjusted{f.name("sku"), f.name("fc"), f.integer("delta")};
}

UpstreamEvent fc_upserted(Fields& f) {
  FcUpserted event{.fc = f.name("fc"),
                   .zone = f.name("zone"),
                   .time_zone = f.time_zone("time_zone"),
                   .cutoff = f.time_of_day("cutoff"),
                   .handling_days = f.integer("handling_days", 0, limits::kAdvanceDaysMax),
                   .working_days = f.week_days("working_days"),
                   .carriers = std::nullopt};
  if (f.has("carriers")) event.carriers = f.names("carriers");
  return event;
}

template <bool kOpen>
UpstreamEvent fc_exception(Fields& f) {
  return FcException{f.name("fc"), f.date("date"), kOpen};
}

UpstreamEvent fc_capacity_set(Fields& f) {
  return FcCapacitySet{f.name("fc"), f.date("date"), f.integer("orders")};
}

UpstreamEvent fc_capacity_used(Fields& f) {
  return FcCapacityUsed{f.name("fc"), f.date("date"), f.integer("orders")};
}

UpstreamEvent carrier_upserted(Fields& f) {
  CarrierUpserted event{.carrier = f.name("carrier"),
                        .working_days = f.week_days("working_days"),
                        .cutoff = std::nullopt,
                        .box_mm = {},
                        .box_g = 1,
                        .refuses = f.names("refuses")};
  if (f.has("cutoff")) event.cutoff = f.time_of_day("cutoff");
  Fields box = f.map("box");
  event.box_mm = sides(box, 1, kInt64Max);
  event.box_g = box.integer("weight_g", 1);
  f.adopt(box);
  return event;
}

template <bool kOpen>
UpstreamEvent carrier_exception(Fields& f) {
  return CarrierException{f.name("carrier"), f.date("date"), kOpen};
}

UpstreamEvent carrier_capacity_set(Fields& f) {
  return CarrierCapacitySet{f.name("carrier"), f.name("fc"), f.date("date"), f.integer("boxes")};
}

UpstreamEvent carrier_capacity_used(Fields& f) {
  return CarrierCapacityUsed{f.name("carrier"), f.name("fc"), f.date("date"), f.integer("boxes")};
}

UpstreamEvent lane_upserted(Fields& f) {
  return LaneUpserted{f.name("carrier"), f.name("from_zone"), f.name("to_zone"),
                      f.integer("transit_days", 0, limits::kAdvanceDaysMax)};
}

UpstreamEvent lane_retired(Fields& f) {
  return LaneRetired{f.name("carrier"), f.name("from_zone"), f.name("to_zone")};
}

struct EventType {
  std::string_view stream, type;
  UpstreamEvent (*decode)(Fields&);
};
constexpr EventType kEventTypes[] = {
    {"catalog", "item.upserted", item_upserted},
    {"catalog", "item.retired", item_retired},
    {"inventory", "stock.set", stock_set},
    {"inventory", "stock.adjusted", stock_adjusted},
    {"fulfilment", "fc.upserted", fc_upserted},
    {"fulfilment", "fc.closed", fc_exception<false>},
    {"fulfilment", "fc.opened", fc_exception<true>},
    {"fulfilment", "fc.capacity_set", fc_capacity_set},
    {"fulfilment", "fc.capacity_used", fc_capacity_used},
    {"carriers", "carrier.upserted", carrier_upserted},
    {"carriers", "carrier.closed", carrier_exception<false>},
    {"carriers", "carrier.opened", carrier_exception<true>},
    {"carriers", "carrier.capacity_set", carrier_capacity_set},
    {"carriers", "carrier.capacity_used", carrier_capacity_used},
    {"carriers", "lane.upserted", lane_upserted},
    {"carriers", "lane.retired", lane_retired},
};

/// As it may stand in a message.
std::string quoted(std::string_view text) {
  return is_sourcing_name(text) ? "'" + std::string(text) + "'" : "(not a name)";
}

tl::unexpected<Error> unknown_type(std::string_view stream, std::string_view type) {
  std::string known;
  for (const EventType& entry : kEventTypes) {
    if (entry.stream == stream) known += (known.empty() ? "" : ", ") + std::string(entry.type);
  }
  if (known.empty()) {
    return fail(ErrorCode::kBadInput, "stream " + quoted(stream) +
                                          " is none of catalog, inventory, fulfilment, carriers");
  }
  return fail(ErrorCode::kBadInput, "type " + quoted(type) + " is unknown on stream " +
                                        std::string(stream) + ", which has " + known);
}

}  // namespace

Result<UpstreamEvent> decode_upstream(std::string_view stream, std::string_view type,
                                      std::string_view data) {
  const auto* found = std::find_if(
      std::begin(kEventTypes), std::end(kEventTypes),
      [&](const EventType& entry) { return entry.stream == stream && entry.type == type; });
  if (found == std::end(kEventTypes)) return unknown_type(stream, type);
  if (auto sound = check_msgpack(data); !sound) return fail(sound.error().in(type));
  Fields fields(data);
  UpstreamEvent event = found->decode(fields);
  if (const auto& error = fields.error()) {
    return fail(ErrorCode::kBadInput, std::string(type) + ": " +
                                          (error->field.empty() ? "data" : error->field) + " " +
                                          error->message);
  }
  return event;
}

}  // namespace forebay
