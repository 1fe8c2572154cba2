// Rules 4 to 7 of docs/edd.md at their edges: lanes and boxes, pickup and delivery, reach, the
// best.
#include <catch2/catch.hpp>

#include "nodes/sourcing/edd.h"
#include "small_world.h"

namespace forebay {
namespace {

using test::json;
using test::kWeekdays;
using test::only;
using test::Small;

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
