// The rules of docs/edd.md a second time, as literally as they can be written down: maps, strings
// and one day after the other. Takes valid events only. Shares nothing with the node but what the
// standard and the date library offer.
#pragma once

#include <date/tz.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace forebay::naive {

using nlohmann::json;
using Day = std::chrono::sys_days;
using Number = long long;

inline Day to_day(const std::string& text) {
  return Day{std::chrono::year{std::stoi(text.substr(0, 4))} / std::stoi(text.substr(5, 2)) /
             std::stoi(text.substr(8, 2))};
}

inline std::string to_string(Day day) {
  const std::chrono::year_month_day date{day};
  const auto padded = [](long number, std::size_t width) {
    std::string text = std::to_string(number);
    return std::string(width - text.size(), '0') + text;
  };
  return padded(static_cast<int>(date.year()), 4) + "-" +
         padded(static_cast<unsigned>(date.month()), 2) + "-" +
         padded(static_cast<unsigned>(date.day()), 2);
}

class NaiveView {
 public:
  void apply(const std::string& type, const json& data) {
    const auto text = [&](const char* field) { return data.at(field).get<std::string>(); };
    const auto number = [&](const char* field) { return data.at(field).get<Number>(); };
    if (type == "item.upserted") items_[text("sku")] = data;
    if (type == "item.retired") items_.erase(text("sku"));
    if (type == "stock.set") stock_[{text("sku"), text("fc")}] = number("on_hand");
    if (type == "stock.adjusted") stock_[{text("sku"), text("fc")}] += number("delta");
    if (type == "fc.upserted") fcs_[text("fc")] = data;
    if (type == "fc.closed") fc_exceptions_[{text("fc"), text("date")}] = false;
    if (type == "fc.opened") fc_exceptions_[{text("fc"), text("date")}] = true;
    if (type == "fc.capacity_set") fc_capacity_[{text("fc"), text("date")}] = number("orders");
    if (type == "fc.capacity_used") fc_used_[{text("fc"), text("date")}] += number("orders");
    if (type == "carrier.upserted") carriers_[text("carrier")] = data;
    if (type == "carrier.closed") carrier_exceptions_[{text("carrier"), text("date")}] = false;
    if (type == "carrier.opened") carrier_exceptions_[{text("carrier"), text("date")}] = true;
    if (type == "carrier.capacity_set") {
      carrier_capacity_[{text("carrier"), text("fc"), text("date")}] = number("boxes");
    }
    if (type == "carrier.capacity_used") {
      carrier_used_[{text("carrier"), text("fc"), text("date")}] += number("boxes");
    }
    if (type == "lane.upserted") {
      lanes_[{text("carrier"), text("from_zone"), text("to_zone")}] = number("transit_days");
    }
    if (type == "lane.retired") lanes_.erase({text("carrier"), text("from_zone"), text("to_zone")});
  }

  /// `at` is in UTC, to the second. The answer without `as_of`, or an error with its code alone.
  json answer(const std::vector<std::pair<std::string, Number>>& lines, const std::string& to_zone,
              std::chrono::sys_seconds at) const {
    std::map<std::string, Number> order;
    for (const auto& [sku, quantity] : lines) {
      if (!items_.contains(sku)) return {{"error", "unknown_sku"}};
      order[sku] += quantity;
    }
    std::vector<std::tuple<Day, Number, std::string, std::string, Day>> feasible;
    json excluded = json::array();
    for (const auto& [fc, record] : fcs_) {
      bool considered = false, enough = true;
      for (const auto& [sku, quantity] : order) {
        const auto on_hand = stock_.find({sku, fc});
        if (on_hand != stock_.end()) considered = true;
        if (on_hand == stock_.end() || on_hand->second < quantity) enough = false;
      }
      if (!considered) continue;
      if (!enough) {
        excluded.push_back({{"fc", fc}, {"reason", "no_stock"}});
        continue;
      }
      add_fc(fc, record, order, to_zone, at, feasible, excluded);
    }
    json result = {{"edd", nullptr},      {"ship_date", nullptr}, {"fc", nullptr},
                   {"carrier", nullptr},  {"boxes", nullptr},     {"options", feasible.size()},
                   {"excluded", excluded}};
    if (feasible.empty()) return result;
    const auto& [delivery, boxes, carrier, fc, ship] =
        *std::min_element(feasible.begin(), feasible.end());
    result["edd"] = to_string(delivery);
    result["ship_date"] = to_string(ship);
    result["fc"] = fc;
    result["carrier"] = carrier;
    result["boxes"] = boxes;
    return result;
  }

 private:
  using Pair = std::pair<std::string, std::string>;
  using Triple = std::tuple<std::string, std::string, std::string>;
  using Feasible = std::vector<std::tuple<Day, Number, std::string, std::string, Day>>;

  static bool works(const json& record, const std::map<Pair, bool>& exceptions,
                    const std::string& name, Day day) {
    const auto exception = exceptions.find({name, to_string(day)});
    if (exception != exceptions.end()) return exception->second;
    const unsigned weekday = std::chrono::weekday{day}.iso_encoding();
    for (const json& entry : record.at("working_days")) {
      if (entry == weekday) return true;
    }
    return false;
  }
  bool fc_works(const std::string& fc, Day day) const {
    return works(fcs_.at(fc), fc_exceptions_, fc, day);
  }
  bool carrier_works(const std::string& carrier, Day day) const {
    return works(carriers_.at(carrier), carrier_exceptions_, carrier, day);
  }

  static Number minutes(const json& time) {
    const std::string text = time.get<std::string>();
    return std::stoi(text.substr(0, 2)) * 60 + std::stoi(text.substr(3, 2));
  }

  template <class Key>
  static Number get(const std::map<Key, Number>& map, const Key& key) {
    const auto found = map.find(key);
    return found == map.end() ? 0 : found->second;
  }

  void add_fc(const std::string& fc, const json& record, const std::map<std::string, Number>& order,
              const std::string& to_zone, std::chrono::sys_seconds at, Feasible& feasible,
              json& excluded) const {
    const auto local =
        date::make_zoned(record.at("time_zone").get<std::string>(), at).get_local_time();
    const Day today{std::chrono::floor<std::chrono::days>(local).time_since_epoch()};
    const Number second_of_day = (local.time_since_epoch() - today.time_since_epoch()).count();
    const Day d =
        second_of_day >= 60 * minutes(record.at("cutoff")) ? today + std::chrono::days(1) : today;
    const Day last = d + std::chrono::days(60);

    std::optional<Day> processing;
    for (Day day = d; day <= last && !processing; day += std::chrono::days(1)) {
      const Pair key{fc, to_string(day)};
      const bool room =
          !fc_capacity_.contains(key) || fc_capacity_.at(key) - get(fc_used_, key) >= 1;
      if (fc_works(fc, day) && room) processing = day;
    }
    if (!processing) {
      excluded.push_back({{"fc", fc}, {"reason", "beyond_horizon"}});
      return;
    }
    Day ready = *processing;
    for (Number step = 0; step < record.at("handling_days").get<Number>() && ready <= last;
         ++step) {
      do ready += std::chrono::days(1);
      while (ready <= last && !fc_works(fc, ready));
    }
    if (ready > last) {
      excluded.push_back({{"fc", fc}, {"reason", "beyond_horizon"}});
      return;
    }

    bool any_lane = false;
    for (const auto& [carrier, carrier_record] : carriers_) {
      const auto lane = lanes_.find({carrier, record.at("zone").get<std::string>(), to_zone});
      if (lane == lanes_.end()) continue;
      if (record.contains("carriers")) {
        const json& serving = record.at("carriers");
        if (std::find(serving.begin(), serving.end(), json(carrier)) == serving.end()) continue;
      }
      any_lane = true;
      const auto exclude = [&](const std::string& reason) {
        excluded.push_back({{"fc", fc}, {"carrier", carrier}, {"reason", reason}});
      };
      std::set<std::string> refused;
      bool oversize = false;
      const json& box = carrier_record.at("box");
      Number volume = 0, weight = 0;
      for (const auto& [sku, quantity] : order) {
        const json& item = items_.at(sku);
        for (const json& attribute : item.at("attributes")) {
          for (const json& other : carrier_record.at("refuses")) {
            if (attribute == other) refused.insert(attribute.get<std::string>());
          }
        }
        const auto item_sides = sorted_sides(item), box_sides = sorted_sides(box);
        for (std::size_t i = 0; i < 3; ++i) oversize = oversize || item_sides[i] > box_sides[i];
        oversize = oversize || item.at("weight_g").get<Number>() > box.at("weight_g").get<Number>();
        volume += quantity * item_sides[0] * item_sides[1] * item_sides[2];
        weight += quantity * item.at("weight_g").get<Number>();
      }
      if (!refused.empty()) {
        exclude("refuses:" + *refused.begin());
        continue;
      }
      if (oversize) {
        exclude("oversize");
        continue;
      }
      const auto box_sides = sorted_sides(box);
      const Number box_volume = box_sides[0] * box_sides[1] * box_sides[2];
      const Number box_weight = box.at("weight_g").get<Number>();
      const Number boxes = std::max({Number{1}, (volume + box_volume - 1) / box_volume,
                                     (weight + box_weight - 1) / box_weight});

      std::optional<Day> pickup;
      for (Day day = ready; day <= last && !pickup; day += std::chrono::days(1)) {
        if (!fc_works(fc, day) || !carrier_works(carrier, day)) continue;
        const Triple key{carrier, fc, to_string(day)};
        if (carrier_capacity_.contains(key) &&
            carrier_capacity_.at(key) - get(carrier_used_, key) < boxes) {
          continue;
        }
        if (day == today && carrier_record.contains("cutoff") &&
            second_of_day >= 60 * minutes(carrier_record.at("cutoff"))) {
          continue;
        }
        pickup = day;
      }
      if (!pickup) {
        exclude("beyond_horizon");
        continue;
      }
      Day delivery = *pickup;
      for (Number step = 0; step < lane->second && delivery <= last; ++step) {
        do delivery += std::chrono::days(1);
        while (delivery <= last && !carrier_works(carrier, delivery));
      }
      if (delivery > last) {
        exclude("beyond_horizon");
        continue;
      }
      feasible.emplace_back(delivery, boxes, carrier, fc, *pickup);
    }
    if (!any_lane) excluded.push_back({{"fc", fc}, {"reason", "no_lane"}});
  }

  static std::vector<Number> sorted_sides(const json& record) {
    std::vector<Number> sides = {record.at("length_mm").get<Number>(),
                                 record.at("width_mm").get<Number>(),
                                 record.at("height_mm").get<Number>()};
    std::sort(sides.begin(), sides.end());
    return sides;
  }

  std::map<std::string, json> items_, fcs_, carriers_;
  std::map<Pair, Number> stock_, fc_capacity_, fc_used_;
  std::map<Pair, bool> fc_exceptions_, carrier_exceptions_;
  std::map<Triple, Number> carrier_capacity_, carrier_used_, lanes_;
};

}  // namespace forebay::naive
