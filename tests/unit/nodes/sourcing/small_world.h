// The smallest world with an answer, to be changed by a test: a builder of events with sound
// defaults, and questions to ask. The week of 2 March 2026 begins on a Monday.
#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "world.h"

namespace forebay::test {

inline const json kWeekdays = {1, 2, 3, 4, 5};
inline const json kEveryDay = {1, 2, 3, 4, 5, 6, 7};

/// One item, one FC with stock, one carrier, one lane: answers 2026-03-03 (ready the same day, one
/// day of transit).
class Small : public World {
 public:
  Small() {
    item("sku", {});
    stock("sku", "fc", 10);
    fc("fc", {});
    carrier("post", {});
    lane("post", "north", "south", 1);
  }

  void must(std::string_view stream, std::string_view type, const json& data) {
    const std::string refusal = apply(stream, type, data);
    if (!refusal.empty()) FAIL(refusal);
  }
  void item(const std::string& sku, const json& changes) {
    json data = {{"sku", sku},       {"length_mm", 100}, {"width_mm", 100},
                 {"height_mm", 100}, {"weight_g", 100},  {"attributes", json::array()}};
    if (!changes.is_null()) data.update(changes);
    must("catalog", "item.upserted", data);
  }
  void stock(const std::string& sku, const std::string& fc, std::int64_t on_hand) {
    must("inventory", "stock.set", {{"sku", sku}, {"fc", fc}, {"on_hand", on_hand}});
  }
  void fc(const std::string& name, const json& changes) {
    json data = {{"fc", name},        {"zone", "north"},    {"time_zone", "UTC"},
                 {"cutoff", "12:00"}, {"handling_days", 0}, {"working_days", kEveryDay}};
    if (!changes.is_null()) data.update(changes);
    must("fulfilment", "fc.upserted", data);
  }
  void fc_day(const std::string& type, const std::string& name, const std::string& date) {
    must("fulfilment", type, {{"fc", name}, {"date", date}});
  }
  void fc_capacity(const std::string& type, const std::string& date, std::int64_t orders) {
    must("fulfilment", type, {{"fc", "fc"}, {"date", date}, {"orders", orders}});
  }
  void carrier(const std::string& name, const json& changes) {
    json data = {
        {"carrier", name},
        {"working_days", kEveryDay},
        {"box", {{"length_mm", 200}, {"width_mm", 200}, {"height_mm", 200}, {"weight_g", 1000}}},
        {"refuses", json::array()}};
    if (!changes.is_null()) data.update(changes);
    must("carriers", "carrier.upserted", data);
  }
  void carrier_day(const std::string& type, const std::string& name, const std::string& date) {
    must("carriers", type, {{"carrier", name}, {"date", date}});
  }
  void carrier_capacity(const std::string& type, const std::string& date, std::int64_t boxes) {
    must("carriers", type, {{"carrier", "post"}, {"fc", "fc"}, {"date", date}, {"boxes", boxes}});
  }
  void lane(const std::string& carrier, const std::string& from, const std::string& to, int days) {
    must("carriers", "lane.upserted",
         {{"carrier", carrier}, {"from_zone", from}, {"to_zone", to}, {"transit_days", days}});
  }

  json ask_at(const std::string& at, std::int64_t quantity = 1) {
    return ask({{"lines", json::array({{{"sku", "sku"}, {"quantity", quantity}}})},
                {"to_zone", "south"},
                {"at", at}});
  }
  json ask_now(std::int64_t quantity = 1) { return ask_at("2026-03-02T09:00:00Z", quantity); }
  std::string edd_at(const std::string& at) {
    const json answer = ask_at(at);
    return answer.at("edd").is_null() ? answer.at("excluded").dump()
                                      : answer.at("edd").get<std::string>();
  }
  std::string edd() { return edd_at("2026-03-02T09:00:00Z"); }
};

inline json only(const std::string& fc, const std::string& reason) {
  return json::array({{{"fc", fc}, {"reason", reason}}});
}
inline json only(const std::string& fc, const std::string& carrier, const std::string& reason) {
  return json::array({{{"fc", fc}, {"carrier", carrier}, {"reason", reason}}});
}

}  // namespace forebay::test
