// The rules of docs/edd.md, one by one, at their edges. The week of 2 March 2026 begins on a
// Monday.
#include "nodes/sourcing/edd.h"

#include <catch2/catch.hpp>

#include "world.h"

namespace forebay {
namespace {

using test::json;

const json kWeekdays = {1, 2, 3, 4, 5};
const json kEveryDay = {1, 2, 3, 4, 5, 6, 7};

/// One item, one FC with stock, one carrier, one lane: answers 2026-03-03 (ready the same day, one
/// day of transit).
class Small : public test::World {
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

json only(const std::string& fc, const std::string& reason) {
  return json::array({{{"fc", fc}, {"reason", reason}}});
}
json only(const std::string& fc, const std::string& carrier, const std::string& reason) {
  return json::array({{{"fc", fc}, {"carrier", carrier}, {"reason", reason}}});
}

TEST_CASE_METHOD(Small, "TheAnswerHasTheFieldsOfTheDesign") {
  const json answer = ask_now();
  CHECK(answer == json{{"edd", "2026-03-03"},
                       {"ship_date", "2026-03-02"},
                       {"fc", "fc"},
                       {"carrier", "post"},
                       {"boxes", 1},
                       {"options", 1},
                       {"excluded", json::array()},
                       {"as_of", json::object()}});
}

TEST_CASE_METHOD(Small, "WithoutAtTheQueryIsAskedNow") {
  CHECK(ask({{"lines", json::array({{{"sku", "sku"}, {"quantity", 1}}})}, {"to_zone", "south"}}) ==
        ask_now());
}

// Rule 1.

TEST_CASE_METHOD(Small, "StockMustCoverTheQuantity") {
  CHECK(ask_now(10)["edd"] == "2026-03-03");
  const json answer = ask_now(11);
  CHECK(answer["edd"].is_null());
  CHECK(answer["ship_date"].is_null());
  CHECK(answer["fc"].is_null());
  CHECK(answer["carrier"].is_null());
  CHECK(answer["boxes"].is_null());
  CHECK(answer["options"] == 0);
  CHECK(answer["excluded"] == only("fc", "no_stock"));
}

TEST_CASE_METHOD(Small, "LinesOfOneSkuAreAddedUp") {
  const auto two = [&](int a, int b) {
    return ask({{"lines", json::array({{{"sku", "sku"}, {"quantity", a}},
                                       {{"sku", "sku"}, {"quantity", b}}})},
                {"to_zone", "south"}});
  };
  CHECK(two(5, 5)["edd"] == "2026-03-03");
  CHECK(two(5, 6)["excluded"] == only("fc", "no_stock"));
}

TEST_CASE_METHOD(Small, "EveryLineMustBeCoveredByOneFc") {
  item("other", {});
  const json query = {{"lines", json::array({{{"sku", "sku"}, {"quantity", 1}},
                                             {{"sku", "other"}, {"quantity", 1}}})},
                      {"to_zone", "south"}};
  CHECK(ask(query)["excluded"] == only("fc", "no_stock"));
  fc("fc2", {});
  stock("other", "fc2", 1);
  CHECK(ask(query)["excluded"] ==
        json::parse(R"([{"fc":"fc","reason":"no_stock"},{"fc":"fc2","reason":"no_stock"}])"));
  stock("other", "fc", 1);
  const json answer = ask(query);
  CHECK(answer["fc"] == "fc");
  CHECK(answer["excluded"] == only("fc2", "no_stock"));
}

TEST_CASE_METHOD(Small, "StockGoesNegativeAndComesBack") {
  const auto adjust = [&](std::int64_t delta) {
    must("inventory", "stock.adjusted", {{"sku", "sku"}, {"fc", "fc"}, {"delta", delta}});
  };
  adjust(-12);
  CHECK(ask_now()["excluded"] == only("fc", "no_stock"));
  adjust(2);
  CHECK(ask_now()["excluded"] == only("fc", "no_stock"));
  adjust(1);
  CHECK(edd() == "2026-03-03");
}

TEST_CASE_METHOD(Small, "AnAdjustmentOfAMissingRecordStartsFromZero") {
  item("new", {});
  must("inventory", "stock.adjusted", {{"sku", "new"}, {"fc", "fc"}, {"delta", 3}});
  const auto ask_new = [&](int quantity) {
    return ask(
        {{"lines", json::array({{{"sku", "new"}, {"quantity", quantity}}})}, {"to_zone", "south"}});
  };
  CHECK(ask_new(3)["edd"] == "2026-03-03");
  CHECK(ask_new(4)["excluded"] == only("fc", "no_stock"));
}

TEST_CASE_METHOD(Small, "OnlyKnownFcsWithAStockRecordAreConsidered") {
  stock("sku", "unknown", 5);
  fc("no-record", {});
  stock("sku", "empty", 0);
  fc("empty", {});
  const json answer = ask_now();
  CHECK(answer["options"] == 1);
  CHECK(answer["excluded"] == only("empty", "no_stock"));
  fc("unknown", {});
  CHECK(ask_now()["options"] == 2);
}

TEST_CASE_METHOD(Small, "AnUnknownOrRetiredItemIsAnError") {
  const auto ask_for = [&](const std::string& sku) {
    return ask({{"lines",
                 json::array({{{"sku", "sku"}, {"quantity", 1}}, {{"sku", sku}, {"quantity", 1}}})},
                {"to_zone", "south"},
                {"id", 7}});
  };
  json answer = ask_for("never");
  CHECK(answer["error"]["code"] == "unknown_sku");
  CHECK(answer["error"]["field"] == "lines[1].sku");
  CHECK(answer["id"] == 7);
  CHECK(answer.size() == 2);
  must("catalog", "item.retired", {{"sku", "never"}});
  item("gone", {});
  stock("gone", "fc", 1);
  CHECK(ask_for("gone").contains("edd"));
  must("catalog", "item.retired", {{"sku", "gone"}});
  CHECK(ask_for("gone")["error"]["code"] == "unknown_sku");
  item("gone", {});
  CHECK(ask_for("gone")["edd"] == "2026-03-03");
}

TEST_CASE_METHOD(Small, "StockOfAnUnknownItemIsKeptUntilItComes") {
  stock("later", "fc", 2);
  item("later", {});
  CHECK(ask({{"lines", json::array({{{"sku", "later"}, {"quantity", 2}}})},
             {"to_zone", "south"}})["edd"] == "2026-03-03");
}

TEST_CASE_METHOD(Small, "ASkuThatBeginsAnotherDoesNotSeeItsStock") {
  item("s", {});
  item("sk", {});
  const json answer =
      ask({{"lines", json::array({{{"sku", "s"}, {"quantity", 1}}})}, {"to_zone", "south"}});
  CHECK(answer["options"] == 0);
  CHECK(answer["excluded"].empty());
}

// Rule 2.

TEST_CASE_METHOD(Small, "TheWeekDecidesAndMondayIsOne") {
  fc("fc", {{"working_days", {2}}});
  CHECK(ask_now()["ship_date"] == "2026-03-03");
  fc("fc", {{"working_days", {7}}});
  CHECK(ask_now()["ship_date"] == "2026-03-08");
  fc("fc", {{"working_days", {1}}});
  CHECK(ask_now()["ship_date"] == "2026-03-02");
  fc("fc", {{"working_days", json::array()}});
  CHECK(ask_now()["excluded"] == only("fc", "beyond_horizon"));
  fc_day("fc.opened", "fc", "2026-03-19");
  CHECK(ask_now()["ship_date"] == "2026-03-19");
}

TEST_CASE_METHOD(Small, "AnExceptionBeatsTheWeekAndTheLaterOneWins") {
  fc("fc", {{"working_days", kWeekdays}});
  const std::string saturday = "2026-03-07T09:00:00Z";
  CHECK(edd_at(saturday) == "2026-03-10");
  fc_day("fc.opened", "fc", "2026-03-07");
  CHECK(edd_at(saturday) == "2026-03-08");
  fc_day("fc.closed", "fc", "2026-03-07");
  CHECK(edd_at(saturday) == "2026-03-10");
  fc_day("fc.closed", "fc", "2026-03-09");
  CHECK(edd_at(saturday) == "2026-03-11");
  fc_day("fc.opened", "fc", "2026-03-09");
  CHECK(edd_at(saturday) == "2026-03-10");
}

TEST_CASE_METHOD(Small, "AnUpsertKeepsExceptionsAndReplacesTheRest") {
  fc_day("fc.closed", "fc", "2026-03-02");
  fc("fc", {{"carriers", {"nobody"}}});
  CHECK(ask_now()["excluded"] == only("fc", "no_lane"));
  fc("fc", {});
  CHECK(ask_now()["ship_date"] == "2026-03-03");
}

TEST_CASE_METHOD(Small, "ExceptionsOfAnFcNotYetKnownTakeEffectWhenItComes") {
  fc_day("fc.closed", "later", "2026-03-02");
  stock("sku", "later", 5);
  stock("sku", "fc", 0);
  CHECK(ask_now()["excluded"] == only("fc", "no_stock"));
  fc("later", {});
  CHECK(ask_now()["ship_date"] == "2026-03-03");
}

TEST_CASE_METHOD(Small, "NoExceptionLeaksIntoTheNeighbouringBlockOrYear") {
  // Days are kept 32 to a record; the FC works on exceptions alone.
  lane("post", "north", "south", 0);
  fc("fc", {{"working_days", json::array()}});
  for (const char* date : {"1969-12-31", "1970-01-01", "2025-03-19", "2026-01-29", "2026-05-03"}) {
    fc_day("fc.opened", "fc", date);
  }
  CHECK(ask_now()["excluded"] == only("fc", "beyond_horizon"));
  CHECK(ask_at("1969-12-20T09:00:00Z")["ship_date"] == "1969-12-31");
  CHECK(ask_at("1970-01-01T09:00:00Z")["ship_date"] == "1970-01-01");
  CHECK(ask_at("2026-03-04T09:00:00Z")["ship_date"] == "2026-05-03");
}

// Rule 3.

TEST_CASE_METHOD(Small, "AtTheCutoffTheDayIsOver") {
  CHECK(edd_at("2026-03-02T11:59:59.999999999Z") == "2026-03-03");
  CHECK(edd_at("2026-03-02T12:00:00Z") == "2026-03-04");
  CHECK(edd_at("2026-03-02T13:00:00+01:00") == "2026-03-04");
  fc("fc", {{"cutoff", "00:00"}});
  CHECK(edd_at("2026-03-02T00:00:00Z") == "2026-03-04");
  fc("fc", {{"cutoff", "23:59"}});
  CHECK(edd_at("2026-03-02T23:58:59Z") == "2026-03-03");
  CHECK(edd_at("2026-03-02T23:59:00Z") == "2026-03-04");
}

TEST_CASE_METHOD(Small, "DateAndTimeAreTheFcsOwn") {
  // 2 March, 20:00 UTC: 3 March, 09:00 at Auckland; 2 March, 10:00 at Honolulu; 3 March, 10:00 at
  // Kiritimati.
  const std::string at = "2026-03-02T20:00:00Z";
  fc("fc", {{"time_zone", "Pacific/Auckland"}});
  CHECK(ask_at(at)["ship_date"] == "2026-03-03");
  fc("fc", {{"time_zone", "Pacific/Honolulu"}});
  CHECK(ask_at(at)["ship_date"] == "2026-03-02");
  fc("fc", {{"time_zone", "Pacific/Honolulu"}, {"cutoff", "10:00"}});
  CHECK(ask_at(at)["ship_date"] == "2026-03-03");
  fc("fc", {{"time_zone", "Pacific/Kiritimati"}});
  CHECK(ask_at(at)["ship_date"] == "2026-03-03");
  fc("fc", {{"time_zone", "Asia/Kathmandu"}, {"cutoff", "01:45"}});
  CHECK(ask_at(at)["ship_date"] == "2026-03-04");
  fc("fc", {{"time_zone", "Asia/Kathmandu"}, {"cutoff", "01:46"}});
  CHECK(ask_at(at)["ship_date"] == "2026-03-03");
}

TEST_CASE_METHOD(Small, "TheCutoffFollowsSummerTime") {
  // Berlin is at +01:00 until 29 March 2026, 01:00 UTC, then at +02:00, until 25 October, 01:00
  // UTC.
  fc("fc", {{"time_zone", "Europe/Berlin"}});
  CHECK(ask_at("2026-03-28T10:59:59Z")["ship_date"] == "2026-03-28");
  CHECK(ask_at("2026-03-28T11:00:00Z")["ship_date"] == "2026-03-29");
  CHECK(ask_at("2026-03-29T09:59:59Z")["ship_date"] == "2026-03-29");
  CHECK(ask_at("2026-03-29T10:00:00Z")["ship_date"] == "2026-03-30");
  fc("fc", {{"time_zone", "Europe/Berlin"}, {"cutoff", "02:30"}});
  // The clock jumps from 02:00 to 03:00: 02:30 never comes, the first moment past it is 01:00 UTC.
  CHECK(ask_at("2026-03-29T00:59:59Z")["ship_date"] == "2026-03-29");
  CHECK(ask_at("2026-03-29T01:00:00Z")["ship_date"] == "2026-03-30");
  // It shows 02:30 twice; between the two, 02:00 is before the cutoff again.
  CHECK(ask_at("2026-10-25T00:30:00Z")["ship_date"] == "2026-10-26");
  CHECK(ask_at("2026-10-25T01:00:00Z")["ship_date"] == "2026-10-25");
  CHECK(ask_at("2026-10-25T01:30:00Z")["ship_date"] == "2026-10-26");
}

TEST_CASE_METHOD(Small, "HandlingTakesWorkingDaysOfTheFc") {
  fc("fc", {{"handling_days", 3}, {"working_days", kWeekdays}});
  CHECK(ask_at("2026-03-02T09:00:00Z")["ship_date"] == "2026-03-05");
  CHECK(ask_at("2026-03-04T09:00:00Z")["ship_date"] == "2026-03-09");
  CHECK(ask_at("2026-03-07T09:00:00Z")["ship_date"] == "2026-03-12");
  fc_day("fc.opened", "fc", "2026-03-08");
  CHECK(ask_at("2026-03-04T09:00:00Z")["ship_date"] == "2026-03-08");
}

TEST_CASE_METHOD(Small, "AFullDayIsNotAProcessingDay") {
  fc_capacity("fc.capacity_set", "2026-03-02", 2);
  fc_capacity("fc.capacity_used", "2026-03-02", 1);
  CHECK(ask_now()["ship_date"] == "2026-03-02");
  fc_capacity("fc.capacity_used", "2026-03-02", 1);
  CHECK(ask_now()["ship_date"] == "2026-03-03");
  fc_capacity("fc.capacity_used", "2026-03-02", -1);
  CHECK(ask_now()["ship_date"] == "2026-03-02");
  fc_capacity("fc.capacity_set", "2026-03-02", 1);
  CHECK(ask_now()["ship_date"] == "2026-03-03");
  fc_capacity("fc.capacity_set", "2026-03-02", 0);
  fc_capacity("fc.capacity_used", "2026-03-02", -1);
  CHECK(ask_now()["ship_date"] == "2026-03-03");
  fc_capacity("fc.capacity_used", "2026-03-02", -1);
  CHECK(ask_now()["ship_date"] == "2026-03-02");
}

TEST_CASE_METHOD(Small, "WhatIsUsedBeforeACapacityIsSetCounts") {
  fc_capacity("fc.capacity_used", "2026-03-02", 5);
  CHECK(ask_now()["ship_date"] == "2026-03-02");
  fc_capacity("fc.capacity_set", "2026-03-02", 5);
  CHECK(ask_now()["ship_date"] == "2026-03-03");
  fc_capacity("fc.capacity_set", "2026-03-02", 6);
  CHECK(ask_now()["ship_date"] == "2026-03-02");
}

TEST_CASE_METHOD(Small, "CapacityBindsTheProcessingDayOnly") {
  fc("fc", {{"handling_days", 1}});
  fc_capacity("fc.capacity_set", "2026-03-03", 0);
  CHECK(ask_now()["ship_date"] == "2026-03-03");
}

TEST_CASE_METHOD(Small, "CapacitySurvivesAnUpsertAndExceptionsOfTheSameDays") {
  fc_capacity("fc.capacity_set", "2026-03-02", 1);
  fc_capacity("fc.capacity_used", "2026-03-02", 1);
  fc_capacity("fc.capacity_set", "2026-03-03", 1);
  fc_capacity("fc.capacity_used", "2026-03-04", 1);
  fc_day("fc.closed", "fc", "2026-03-03");
  fc("fc", {});
  CHECK(ask_now()["ship_date"] == "2026-03-04");
}

TEST_CASE_METHOD(Small, "ASumOutOfRangeIsRefusedAndChangesNothing") {
  fc_capacity("fc.capacity_set", "2026-03-02", 1);
  fc_capacity("fc.capacity_used", "2026-03-02", INT64_MAX);
  CHECK_FALSE(
      apply("fulfilment", "fc.capacity_used", {{"fc", "fc"}, {"date", "2026-03-02"}, {"orders", 1}})
          .empty());
  CHECK(ask_now()["ship_date"] == "2026-03-03");
  fc_capacity("fc.capacity_set", "2026-03-02", INT64_MIN);
  CHECK(ask_now()["ship_date"] == "2026-03-03");
  fc_capacity("fc.capacity_used", "2026-03-02", -INT64_MAX);
  fc_capacity("fc.capacity_used", "2026-03-02", -INT64_MAX);
  fc_capacity("fc.capacity_set", "2026-03-02", INT64_MAX);
  CHECK(ask_now()["ship_date"] == "2026-03-02");
  stock("sku", "fc", INT64_MAX);
  CHECK_FALSE(
      apply("inventory", "stock.adjusted", {{"sku", "sku"}, {"fc", "fc"}, {"delta", 1}}).empty());
  CHECK(edd() == "2026-03-03");
}

// Rule 4.

TEST_CASE_METHOD(Small, "WithoutALaneOfAKnownCarrierThereIsNone") {
  must("carriers", "lane.retired",
       {{"carrier", "post"}, {"from_zone", "north"}, {"to_zone", "south"}});
  lane("stranger", "north", "south", 0);
  lane("post", "south", "north", 0);
  lane("post", "north", "southern", 0);
  lane("post", "nort", "hsouth", 0);
  CHECK(ask_now()["excluded"] == only("fc", "no_lane"));
  carrier("stranger", {});
  CHECK(edd() == "2026-03-02");
}

TEST_CASE_METHOD(Small, "OnlyTheCarriersOfAnFcServeIt") {
  carrier("courier", {});
  lane("courier", "north", "south", 0);
  fc("fc", {{"carriers", {"zeppelin", "post"}}});
  const json answer = ask_now();
  CHECK(answer["carrier"] == "post");
  CHECK(answer["options"] == 1);
  fc("fc", {{"carriers", json::array()}});
  CHECK(ask_now()["excluded"] == only("fc", "no_lane"));
  fc("fc", {{"carriers", nullptr}});
  CHECK(ask_now()["carrier"] == "courier");
}

TEST_CASE_METHOD(Small, "ACarrierRefusesByTheFirstAttributeInByteOrder") {
  item("sku", {{"attributes", {"liquid", "battery", "Z"}}});
  carrier("post", {{"refuses", {"liquid", "food"}}});
  CHECK(ask_now()["excluded"] == only("fc", "post", "refuses:liquid"));
  carrier("post", {{"refuses", {"liquid", "battery"}}});
  CHECK(ask_now()["excluded"] == only("fc", "post", "refuses:battery"));
  carrier("post", {{"refuses", {"battery", "Z"}}});
  CHECK(ask_now()["excluded"] == only("fc", "post", "refuses:Z"));
  carrier("post", {{"refuses", {"b", "batteries", "liqui"}}});
  CHECK(edd() == "2026-03-03");
  item("second", {{"attributes", {"alive"}}});
  stock("second", "fc", 1);
  carrier("post", {{"refuses", {"battery", "alive"}}});
  CHECK(ask({{"lines", json::array({{{"sku", "sku"}, {"quantity", 1}},
                                    {{"sku", "second"}, {"quantity", 1}}})},
             {"to_zone", "south"}})["excluded"] == only("fc", "post", "refuses:alive"));
}

TEST_CASE_METHOD(Small, "RefusesComesBeforeOversizeBeforeTheHorizon") {
  carrier("post", {{"refuses", {"big"}}, {"working_days", json::array()}});
  item("sku", {{"attributes", {"big"}}, {"weight_g", 1001}});
  CHECK(ask_now()["excluded"] == only("fc", "post", "refuses:big"));
  item("sku", {{"weight_g", 1001}});
  CHECK(ask_now()["excluded"] == only("fc", "post", "oversize"));
  item("sku", {});
  CHECK(ask_now()["excluded"] == only("fc", "post", "beyond_horizon"));
}

TEST_CASE_METHOD(Small, "SidesAreComparedSorted") {
  carrier("post",
          {{"box", {{"length_mm", 10}, {"width_mm", 30}, {"height_mm", 20}, {"weight_g", 100}}}});
  const auto fits = [&](int a, int b, int c, int weight = 100) {
    item("sku", {{"length_mm", a}, {"width_mm", b}, {"height_mm", c}, {"weight_g", weight}});
    const json answer = ask_now();
    if (answer["edd"].is_null()) CHECK(answer["excluded"] == only("fc", "post", "oversize"));
    return !answer["edd"].is_null();
  };
  CHECK(fits(30, 20, 10));
  CHECK(fits(20, 10, 30));
  CHECK_FALSE(fits(20, 20, 11));
  CHECK_FALSE(fits(1, 1, 31));
  CHECK_FALSE(fits(1, 21, 21));
  CHECK_FALSE(fits(11, 11, 11));
  CHECK_FALSE(fits(1, 1, 1, 101));
  CHECK(fits(0, 0, 0, 0));
}

TEST_CASE_METHOD(Small, "BoxesAreByVolumeAndByWeight") {
  stock("sku", "fc", 100000);
  const auto boxes = [&](int quantity) { return ask_now(quantity)["boxes"]; };
  // 8 items of 100 mm fill a box of 200 mm; 10 of 100 g reach its weight.
  CHECK(boxes(8) == 1);
  CHECK(boxes(9) == 2);
  CHECK(boxes(16) == 2);
  CHECK(boxes(17) == 3);
  item("sku", {{"weight_g", 126}});
  CHECK(boxes(7) == 1);
  CHECK(boxes(8) == 2);
  item("sku", {{"weight_g", 0}, {"height_mm", 0}});
  CHECK(boxes(10000) == 1);
  item("sku", {{"weight_g", 1000}, {"height_mm", 0}});
  CHECK(boxes(10000) == 10000);
}

TEST_CASE_METHOD(Small, "VolumesOfTheLargestOrderDoNotOverflow") {
  item("sku", {{"length_mm", 100000},
               {"width_mm", 100000},
               {"height_mm", 100000},
               {"weight_g", 100000000}});
  stock("sku", "fc", 1000000);
  const auto box = [&](std::int64_t side) {
    carrier("post", {{"box",
                      {{"length_mm", side},
                       {"width_mm", side},
                       {"height_mm", side},
                       {"weight_g", INT64_MAX}}}});
  };
  json lines = json::array();
  for (int i = 0; i < 100; ++i) lines.push_back({{"sku", "sku"}, {"quantity", 10000}});
  const json query = {{"lines", lines}, {"to_zone", "south"}};
  box(100000);
  CHECK(ask(query)["boxes"] == 1000000);
  box(100001);
  CHECK(ask(query)["boxes"] == 999971);
  box(INT64_MAX);
  CHECK(ask(query)["boxes"] == 1);
}

// Rule 5.

TEST_CASE_METHOD(Small, "PickupNeedsAWorkingDayOfBoth") {
  fc("fc", {{"working_days", {1, 3, 5}}});
  carrier("post", {{"working_days", {2, 3, 4, 5}}});
  json answer = ask_now();
  CHECK(answer["ship_date"] == "2026-03-04");
  CHECK(answer["edd"] == "2026-03-05");
  carrier_day("carrier.closed", "post", "2026-03-04");
  answer = ask_now();
  CHECK(answer["ship_date"] == "2026-03-06");
  CHECK(answer["edd"] == "2026-03-10");
  carrier_day("carrier.opened", "post", "2026-03-02");
  CHECK(ask_now()["ship_date"] == "2026-03-02");
}

TEST_CASE_METHOD(Small, "TransitTakesWorkingDaysOfTheCarrier") {
  lane("post", "north", "south", 3);
  carrier("post", {{"working_days", kWeekdays}});
  CHECK(edd_at("2026-03-04T09:00:00Z") == "2026-03-09");
  carrier_day("carrier.closed", "post", "2026-03-06");
  CHECK(edd_at("2026-03-04T09:00:00Z") == "2026-03-10");
  carrier_day("carrier.opened", "post", "2026-03-08");
  CHECK(edd_at("2026-03-04T09:00:00Z") == "2026-03-09");
  lane("post", "north", "south", 0);
  CHECK(edd_at("2026-03-04T09:00:00Z") == "2026-03-04");
}

TEST_CASE_METHOD(Small, "TheCarriersCutoffBindsTheSameDayOnly") {
  fc("fc", {{"time_zone", "America/New_York"}, {"cutoff", "18:00"}});
  carrier("post", {{"cutoff", "10:00"}});
  CHECK(ask_at("2026-03-02T14:59:59.999Z")["ship_date"] == "2026-03-02");
  CHECK(ask_at("2026-03-02T15:00:00Z")["ship_date"] == "2026-03-03");
  // Past the FC's own cutoff the day is another one, and the carrier's cutoff is not asked.
  CHECK(ask_at("2026-03-02T23:30:00Z")["ship_date"] == "2026-03-03");
  fc("fc", {{"time_zone", "America/New_York"}, {"cutoff", "18:00"}, {"handling_days", 1}});
  CHECK(ask_at("2026-03-02T15:00:00Z")["ship_date"] == "2026-03-03");
}

TEST_CASE_METHOD(Small, "TheCarrierNeedsRoomForAllBoxes") {
  stock("sku", "fc", 1000);
  carrier_capacity("carrier.capacity_set", "2026-03-02", 2);
  CHECK(ask_now(16)["ship_date"] == "2026-03-02");
  CHECK(ask_now(17)["ship_date"] == "2026-03-03");
  carrier_capacity("carrier.capacity_used", "2026-03-02", 1);
  CHECK(ask_now(8)["ship_date"] == "2026-03-02");
  CHECK(ask_now(16)["ship_date"] == "2026-03-03");
  carrier_capacity("carrier.capacity_set", "2026-03-03", 1);
  CHECK(ask_now(16)["ship_date"] == "2026-03-04");
  carrier_capacity("carrier.capacity_used", "2026-03-03", -1);
  CHECK(ask_now(16)["ship_date"] == "2026-03-03");
}

TEST_CASE_METHOD(Small, "ACarriersRoomIsPerFc") {
  must("carriers", "carrier.capacity_set",
       {{"carrier", "post"}, {"fc", "fc2"}, {"date", "2026-03-02"}, {"boxes", 0}});
  must("carriers", "carrier.capacity_set",
       {{"carrier", "pos"}, {"fc", "fc"}, {"date", "2026-03-02"}, {"boxes", 0}});
  must("carriers", "carrier.capacity_set",
       {{"carrier", "posu"}, {"fc", "fc"}, {"date", "2026-03-02"}, {"boxes", 0}});
  CHECK(ask_now()["ship_date"] == "2026-03-02");
  fc("fc2", {});
  stock("sku", "fc2", 1);
  stock("sku", "fc", 0);
  CHECK(ask_now()["ship_date"] == "2026-03-03");
}

// Rule 6. Day 60 from 2 March 2026 is 1 May.

TEST_CASE_METHOD(Small, "TheSixtiethDayIsInReachAndTheNextIsNot") {
  const auto open_only = [&](const std::string& date) {
    fc_day("fc.opened", "fc", date);
    const json answer = ask_now();
    fc_day("fc.closed", "fc", date);
    return answer;
  };
  fc("fc", {{"working_days", json::array()}});
  lane("post", "north", "south", 0);
  CHECK(open_only("2026-05-01")["edd"] == "2026-05-01");
  CHECK(open_only("2026-05-02")["excluded"] == only("fc", "beyond_horizon"));
  // d counts from after the shift of rule 3.
  fc("fc", {{"working_days", json::array()}, {"cutoff", "09:00"}});
  CHECK(open_only("2026-05-02")["edd"] == "2026-05-02");
  CHECK(open_only("2026-05-03")["excluded"] == only("fc", "beyond_horizon"));
}

TEST_CASE_METHOD(Small, "AReadyDayOutOfReachExcludesTheFcBeforeItsLanesAreAsked") {
  fc("fc", {{"handling_days", 60}});
  lane("post", "north", "south", 0);
  CHECK(edd() == "2026-05-01");
  must("carriers", "lane.retired",
       {{"carrier", "post"}, {"from_zone", "north"}, {"to_zone", "south"}});
  CHECK(ask_now()["excluded"] == only("fc", "no_lane"));
  for (const std::int64_t days : {std::int64_t{61}, limits::kAdvanceDaysMax}) {
    fc("fc", {{"handling_days", days}});
    CHECK(ask_now()["excluded"] == only("fc", "beyond_horizon"));
  }
}

TEST_CASE_METHOD(Small, "FullUpToTheHorizonIsBeyondIt") {
  const CivilDate first = parse_date("2026-03-02").value();
  for (int day = 0; day < 60; ++day) {
    fc_capacity("fc.capacity_set", to_text(first + std::chrono::days(day)), 0);
  }
  lane("post", "north", "south", 0);
  CHECK(edd() == "2026-05-01");
  fc_capacity("fc.capacity_set", "2026-05-01", 0);
  CHECK(ask_now()["excluded"] == only("fc", "beyond_horizon"));
}

TEST_CASE_METHOD(Small, "PickupAndDeliveryOutOfReachExcludeTheLane") {
  lane("post", "north", "south", 60);
  CHECK(edd() == "2026-05-01");
  for (const int days : {61, 1'000'000'000}) {
    lane("post", "north", "south", days);
    CHECK(ask_now()["excluded"] == only("fc", "post", "beyond_horizon"));
  }
  lane("post", "north", "south", 0);
  carrier("post", {{"working_days", json::array()}});
  CHECK(ask_now()["excluded"] == only("fc", "post", "beyond_horizon"));
  carrier_day("carrier.opened", "post", "2026-05-01");
  CHECK(edd() == "2026-05-01");
  carrier_capacity("carrier.capacity_set", "2026-05-01", 0);
  CHECK(ask_now()["excluded"] == only("fc", "post", "beyond_horizon"));
}

TEST_CASE_METHOD(Small, "FromEveryStartTheReachIsTheSame") {
  // Whatever place in its block of 32 days the first day has.
  fc("fc", {{"working_days", json::array()}});
  lane("post", "north", "south", 0);
  const CivilDate start = parse_date("2026-03-02").value();
  for (int shift = 0; shift < 70; ++shift) {
    const CivilDate first = start + std::chrono::days(shift);
    const std::string last = to_text(first + std::chrono::days(60));
    const std::string after = to_text(first + std::chrono::days(61));
    INFO("from " << to_text(first));
    fc_day("fc.opened", "fc", after);
    CHECK(edd_at(to_text(first) + "T09:00:00Z") == only("fc", "beyond_horizon").dump());
    fc_day("fc.opened", "fc", last);
    CHECK(edd_at(to_text(first) + "T09:00:00Z") == last);
    fc_day("fc.closed", "fc", after);
    fc_day("fc.closed", "fc", last);
  }
}

// Rule 7.

TEST_CASE_METHOD(Small, "TheEarliestDateThenFewestBoxesThenNamesByBytes") {
  carrier("a", {});
  lane("a", "north", "south", 2);
  CHECK(ask_now()["carrier"] == "post");
  lane("a", "north", "south", 1);
  CHECK(ask_now()["carrier"] == "a");
  stock("sku", "fc", 100);
  carrier(
      "z",
      {{"box", {{"length_mm", 400}, {"width_mm", 400}, {"height_mm", 400}, {"weight_g", 100000}}}});
  lane("z", "north", "south", 1);
  CHECK(ask_now(8)["carrier"] == "a");
  CHECK(ask_now(9)["carrier"] == "z");
  carrier("B", {});
  lane("B", "north", "south", 1);
  CHECK(ask_now(1)["carrier"] == "B");
  carrier("\xc3\xa4", {});
  lane("\xc3\xa4", "north", "south", 0);
  const json answer = ask_now(1);
  CHECK(answer["carrier"] == "\xc3\xa4");
  CHECK(answer["options"] == 5);
}

TEST_CASE_METHOD(Small, "OfEqualPairsTheFirstFcByBytesIsTaken") {
  for (const char* name : {"fb", "fc-1", "Fz"}) {
    fc(name, {});
    stock("sku", name, 5);
  }
  CHECK(ask_now()["fc"] == "Fz");
  CHECK(ask_now()["options"] == 4);
  carrier("a", {});
  lane("a", "east", "south", 1);
  fc("zz", {{"zone", "east"}});
  stock("sku", "zz", 5);
  const json answer = ask_now();
  CHECK(answer["fc"] == "zz");  // the carrier's name comes before the FC's
  CHECK(answer["carrier"] == "a");
}

TEST_CASE_METHOD(Small, "ExclusionsAreInByteOrderOfFcThenCarrier") {
  carrier("b", {{"refuses", {"x"}}});
  carrier("a", {{"refuses", {"x"}}});
  lane("b", "north", "south", 1);
  lane("a", "north", "south", 1);
  item("sku", {{"attributes", {"x"}}});
  item("other", {});
  for (const char* name : {"e", "d"}) {
    fc(name, {});
    stock("sku", name, 5);
  }
  stock("sku", "e", 0);
  stock("other", "a-first", 1);
  stock("other", "fc", 1);
  fc("a-first", {});
  const json answer =
      ask({{"lines",
            json::array({{{"sku", "sku"}, {"quantity", 1}}, {{"sku", "other"}, {"quantity", 1}}})},
           {"to_zone", "south"}});
  CHECK(answer["excluded"] == json::parse(R"([
      {"fc":"a-first","reason":"no_stock"}, {"fc":"d","reason":"no_stock"}, {"fc":"e","reason":"no_stock"},
      {"fc":"fc","carrier":"a","reason":"refuses:x"}, {"fc":"fc","carrier":"b","reason":"refuses:x"}])"));
  CHECK(answer["carrier"] == "post");
}

TEST_CASE_METHOD(Small, "FcsOfDifferentDatesShareACarrierRightly") {
  // At the same moment it is Tuesday at Auckland and Monday at Honolulu; the carrier works on
  // Tuesdays.
  carrier("post", {{"working_days", {2}}});
  lane("post", "north", "south", 0);
  fc("fc", {{"time_zone", "Pacific/Auckland"}});
  fc("hawaii", {{"time_zone", "Pacific/Honolulu"}});
  fc("more", {{"time_zone", "Pacific/Auckland"}, {"handling_days", 1}});
  stock("sku", "hawaii", 1);
  stock("sku", "more", 1);
  const json answer = ask_at("2026-03-02T20:00:00Z");
  CHECK(answer["options"] == 3);
  CHECK(answer["fc"] == "fc");
  CHECK(answer["edd"] == "2026-03-03");
  stock("sku", "fc", 0);
  CHECK(ask_at("2026-03-02T20:00:00Z")["fc"] == "hawaii");
  stock("sku", "hawaii", 0);
  CHECK(ask_at("2026-03-02T20:00:00Z")["edd"] == "2026-03-10");
}

}  // namespace
}  // namespace forebay
