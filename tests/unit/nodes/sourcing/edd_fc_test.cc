// Rules 1 to 3 of docs/edd.md at their edges: which FCs, which working days, when an order is
// ready.
#include <catch2/catch.hpp>

#include "nodes/sourcing/edd.h"
#include "small_world.h"

namespace forebay {
namespace {

using test::json;
using test::kWeekdays;
using test::only;
using test::Small;

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

}  // namespace
}  // namespace forebay
