// The node against the naive implementation: random small worlds, random questions, the same
// answers. rapidcheck prints the seed of a failure; RC_PARAMS="reproduce=…" replays it.
#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "naive_edd.h"
#include "nodes/sourcing/edd.h"
#include "world.h"

namespace forebay {
namespace {

using test::json;

// Names that begin one another, and one beyond ASCII: keys must keep them apart and in byte order.
const std::vector<std::string> kSkus = {"s", "s1", "s10"};
const std::vector<std::string> kFcs = {"f", "f1", "F", "\xc3\xa4"};
const std::vector<std::string> kCarriers = {"c", "c1", "C"};
const std::vector<std::string> kZones = {"z", "z1"};
const std::vector<std::string> kAttributes = {"a", "b", "ab"};
const std::vector<std::string> kTimeZones = {
    "UTC",           "America/New_York", "Pacific/Kiritimati", "Pacific/Honolulu",
    "Europe/Berlin", "Asia/Kathmandu"};
// Around the end of winter time in Europe and America, and across the ends of several blocks of 32
// days.
const std::chrono::sys_days kStart{std::chrono::year{2026} / 3 / 1};

template <class T>
T one_of(const std::vector<T>& values) {
  return *rc::gen::elementOf(values);
}
std::int64_t from_to(std::int64_t least, std::int64_t most) {
  // Of full size from the first world on: rapidcheck would begin with the least values alone.
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(least, most + 1));
}
bool one_in(int n) { return from_to(1, n) == 1; }

/// Most dates lie just after the start, where they matter most; some at the horizon.
std::string date() {
  const std::int64_t day = one_in(3) ? from_to(56, 64) : from_to(-1, 6);
  return naive::to_string(kStart + std::chrono::days(day));
}
std::string time_of_day() {
  return one_of<std::string>({"00:00", "09:00", "09:30", "17:00", "23:59"});
}
json working_days() {
  if (one_in(20)) return json::array();
  if (one_in(2)) return {1, 2, 3, 4, 5};
  json days = json::array();
  for (int day = 1; day <= 7; ++day) {
    if (!one_in(3)) days.push_back(day);
  }
  return days;
}
json some_of(const std::vector<std::string>& values, int one_in_n) {
  json chosen = json::array();
  for (const std::string& value : values) {
    if (one_in(one_in_n)) chosen.push_back(value);
  }
  return chosen;
}
std::int64_t days_of_work() { return one_in(10) ? from_to(30, 65) : from_to(0, 4); }

struct UpstreamEventJson {
  std::string stream, type;
  json data;
};

UpstreamEventJson item_event(const std::string& sku) {
  if (one_in(40)) return {"catalog", "item.retired", {{"sku", sku}}};
  return {"catalog",
          "item.upserted",
          {{"sku", sku},
           {"length_mm", from_to(0, 12)},
           {"width_mm", from_to(0, 12)},
           {"height_mm", from_to(0, 12)},
           {"weight_g", from_to(0, 50)},
           {"attributes", some_of(kAttributes, 6)}}};
}
UpstreamEventJson stock_event(const std::string& sku, const std::string& fc) {
  if (one_in(3))
    return {"inventory", "stock.adjusted", {{"sku", sku}, {"fc", fc}, {"delta", from_to(-5, 9)}}};
  return {"inventory", "stock.set", {{"sku", sku}, {"fc", fc}, {"on_hand", from_to(-2, 20)}}};
}
UpstreamEventJson fc_event(const std::string& fc) {
  json data = {{"fc", fc},
               {"zone", one_of(kZones)},
               {"time_zone", one_of(kTimeZones)},
               {"cutoff", time_of_day()},
               {"handling_days", days_of_work()},
               {"working_days", working_days()}};
  if (one_in(4)) data["carriers"] = some_of(kCarriers, 2);
  return {"fulfilment", "fc.upserted", data};
}
UpstreamEventJson carrier_event(const std::string& carrier) {
  json data = {{"carrier", carrier},
               {"working_days", working_days()},
               {"box",
                {{"length_mm", from_to(6, 20)},
                 {"width_mm", from_to(6, 20)},
                 {"height_mm", from_to(6, 20)},
                 {"weight_g", from_to(30, 200)}}},
               {"refuses", some_of(kAttributes, 5)}};
  if (one_in(2)) data["cutoff"] = time_of_day();
  return {"carriers", "carrier.upserted", data};
}
UpstreamEventJson lane_event(const std::string& carrier, const std::string& from,
                             const std::string& to) {
  const json lane = {{"carrier", carrier}, {"from_zone", from}, {"to_zone", to}};
  if (one_in(10)) return {"carriers", "lane.retired", lane};
  json data = lane;
  data["transit_days"] = days_of_work();
  return {"carriers", "lane.upserted", data};
}
UpstreamEventJson day_event() {
  const std::string fc = one_of(kFcs), carrier = one_of(kCarriers);
  switch (from_to(1, 6)) {
    case 1:
      return {"fulfilment", one_in(2) ? "fc.closed" : "fc.opened", {{"fc", fc}, {"date", date()}}};
    case 2:
      return {"carriers",
              one_in(2) ? "carrier.closed" : "carrier.opened",
              {{"carrier", carrier}, {"date", date()}}};
    case 3:
      return {"fulfilment",
              "fc.capacity_set",
              {{"fc", fc}, {"date", date()}, {"orders", from_to(0, 3)}}};
    case 4:
      return {"fulfilment",
              "fc.capacity_used",
              {{"fc", fc}, {"date", date()}, {"orders", from_to(-1, 2)}}};
    case 5:
      return {"carriers",
              "carrier.capacity_set",
              {{"carrier", carrier}, {"fc", fc}, {"date", date()}, {"boxes", from_to(0, 6)}}};
    default:
      return {"carriers",
              "carrier.capacity_used",
              {{"carrier", carrier}, {"fc", fc}, {"date", date()}, {"boxes", from_to(-2, 4)}}};
  }
}

/// Most things are there, in an order of their own; days come before and after what they are days
/// of.
std::vector<UpstreamEventJson> events() {
  std::vector<UpstreamEventJson> all;
  for (std::int64_t i = from_to(0, 25); i > 0; --i) all.push_back(day_event());
  for (const std::string& sku : kSkus) {
    if (!one_in(30)) all.push_back(item_event(sku));
    for (const std::string& fc : kFcs) {
      if (!one_in(4)) all.push_back(stock_event(sku, fc));
    }
  }
  for (const std::string& fc : kFcs) {
    if (!one_in(8)) all.push_back(fc_event(fc));
  }
  for (const std::string& carrier : kCarriers) {
    if (!one_in(8)) all.push_back(carrier_event(carrier));
    for (const std::string& from : kZones) {
      for (const std::string& to : kZones) {
        if (!one_in(4)) all.push_back(lane_event(carrier, from, to));
      }
    }
  }
  for (std::int64_t i = from_to(0, 25); i > 0; --i) all.push_back(day_event());
  for (std::int64_t i = from_to(0, 3); i > 0; --i) {
    all.push_back(stock_event(one_of(kSkus), one_of(kFcs)));
    all.push_back(fc_event(one_of(kFcs)));
    all.push_back(lane_event(one_of(kCarriers), one_of(kZones), one_of(kZones)));
  }
  return all;
}

std::vector<UpstreamEventJson> changes() {
  std::vector<UpstreamEventJson> all;
  for (std::int64_t i = from_to(0, 2); i > 0; --i) all.push_back(day_event());
  for (std::int64_t i = from_to(0, 2); i > 0; --i) {
    all.push_back(fc_event(one_of(kFcs)));
    all.push_back(carrier_event(one_of(kCarriers)));
    all.push_back(stock_event(one_of(kSkus), one_of(kFcs)));
    all.push_back(lane_event(one_of(kCarriers), one_of(kZones), one_of(kZones)));
  }
  return all;
}

struct Tally {
  int questions = 0, answered = 0, null = 0, errors = 0, exclusions = 0;
};

void one_question(test::World& world, const naive::NaiveView& naive, Tally& tally) {
  std::vector<std::pair<std::string, naive::Number>> lines;
  json json_lines = json::array();
  for (std::int64_t i = from_to(1, 3); i > 0; --i) {
    lines.emplace_back(one_of(kSkus), from_to(1, 6));
    json_lines.push_back({{"sku", lines.back().first}, {"quantity", lines.back().second}});
  }
  const std::string to_zone = one_of(kZones);
  // Half the time on a quarter of an hour, where cutoffs lie.
  const std::int64_t seconds = one_in(2) ? from_to(0, 9 * 96) * 900 : from_to(0, 9 * 86400);
  const std::chrono::sys_seconds at = kStart + std::chrono::seconds(seconds);
  const json query = {{"lines", json_lines}, {"to_zone", to_zone}, {"at", to_rfc3339(at)}};
  RC_LOG() << "query " << query << '\n';
  json expected = naive.answer(lines, to_zone, at);
  json got = world.ask(query);
  ++tally.questions;
  if (expected.contains("error")) {
    RC_ASSERT(got.at("error").at("code") == expected.at("error"));
    ++tally.errors;
    return;
  }
  expected["as_of"] = json::object();
  RC_ASSERT(got == expected);
  ++(expected["edd"].is_null() ? tally.null : tally.answered);
  tally.exclusions += static_cast<int>(expected["excluded"].size());
}

void one_world(Tally& tally) {
  test::World world;
  naive::NaiveView naive;
  const auto apply = [&](const UpstreamEventJson& event) {
    RC_LOG() << event.stream << ' ' << event.type << ' ' << event.data << '\n';
    RC_ASSERT(world.apply(event.stream, event.type, event.data) == "");
    naive.apply(event.type, event.data);
  };
  for (const UpstreamEventJson& event : events()) apply(event);
  for (int question = 0; question < 4; ++question) one_question(world, naive, tally);
  // And again after changes, which nothing that was kept from the questions before may hide.
  for (const UpstreamEventJson& event : changes()) apply(event);
  for (int question = 0; question < 2; ++question) one_question(world, naive, tally);
}

TEST_CASE("AnswersAreThoseOfTheNaiveImplementation") {
  Tally tally;
  rc::detail::TestParams params = rc::detail::configuration().testParams;
  params.maxSuccess = 2500;
  rc::detail::TestMetadata metadata;
  metadata.id = "AnswersAreThoseOfTheNaiveImplementation";
  const auto result = rc::detail::checkTestable([&] { one_world(tally); }, metadata, params);
  if (!result.template is<rc::detail::SuccessResult>()) {
    std::ostringstream what;
    rc::detail::printResultMessage(result, what);
    FAIL(what.str());
  }
  // The worlds are neither empty nor all alike.
  INFO(tally.questions << " questions, " << tally.answered << " answered, " << tally.null
                       << " null, " << tally.errors << " errors, " << tally.exclusions
                       << " exclusions");
  CHECK(tally.answered > tally.questions / 4);
  CHECK(tally.null > tally.questions / 20);
  CHECK(tally.errors > 0);
  CHECK(tally.exclusions > tally.questions / 2);
}

}  // namespace
}  // namespace forebay
