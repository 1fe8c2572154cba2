#include "bench/edd_world.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <msgpack.hpp>

#include "common/event/msgpack_out.h"

namespace forebay::bench::edd {
namespace {

const std::vector<std::string> kTimeZones = {"Europe/Berlin", "Europe/London", "America/New_York",
                                             "America/Sao_Paulo", "Asia/Tokyo"};
constexpr std::chrono::sys_days kFirstDay{std::chrono::year{2026} / 3 / 2};

template <class Value>
std::pair<const char*, Value> field(const char* name, Value value) {
  return {name, std::move(value)};
}

/// The first field is what the event is about.
template <class First, class... Fields>
void tell(const WorldSink& sink, std::string_view stream, std::string_view type,
          const std::pair<const char*, First>& first, const Fields&... fields) {
  std::string data;
  MsgpackOut out{data};
  MsgpackPacker pack(out);
  pack.pack_map(1 + sizeof...(fields));
  const auto put = [&](const auto& pair) {
    pack.pack(pair.first);
    pack.pack(pair.second);
  };
  put(first);
  (put(fields), ...);
  sink({stream, type, first.second, data});
}

std::string numbered(const char* prefix, int number) {
  char text[32];
  std::snprintf(text, sizeof text, "%s-%05d", prefix, number);
  return text;
}

std::string date_in(int days) {
  const std::chrono::year_month_day date(kFirstDay + std::chrono::days(days));
  char text[16];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text;
}

class World {
 public:
  explicit World(const WorldSink& sink) : sink_(sink) {}

  std::vector<StockKey> tell_all() {
    for (int i = 0; i < kFcs; ++i) fc(numbered("fc", i));
    for (int i = 0; i < kCarriers; ++i) carrier(i);
    for (int i = 0; i < kSkus; ++i) item(i);
    return std::move(stock_);
  }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

  void fc(const std::string& fc) {
    tell(sink_, "fulfilment", "fc.upserted", field("fc", fc),
         field("zone", numbered("zone", below(kZones))),
         field("time_zone", kTimeZones[static_cast<std::size_t>(below(5))]),
         field("cutoff", "14:00"), field("handling_days", below(3)),
         field("working_days", below(4) == 0 ? six_days_ : weekdays_));
    tell(sink_, "fulfilment", "fc.closed", field("fc", fc), field("date", date_in(below(60))));
    for (int day = 0; day < 5; ++day) {
      tell(sink_, "fulfilment", "fc.capacity_set", field("fc", fc), field("date", date_in(day)),
           field("orders", 100));
      tell(sink_, "fulfilment", "fc.capacity_used", field("fc", fc), field("date", date_in(day)),
           field("orders", below(110)));
    }
    for (int carrier = 0; carrier < kCarriers; ++carrier) {
      tell(sink_, "carriers", "carrier.capacity_set",
           field("carrier", numbered("carrier", carrier)), field("fc", fc),
           field("date", date_in(below(5))), field("boxes", below(20)));
    }
  }

  void carrier(int number) {
    const std::string name = numbered("carrier", number);
    const std::map<std::string, int> box = {
        {"length_mm", 800}, {"width_mm", 600}, {"height_mm", 600}, {"weight_g", 30'000}};
    tell(sink_, "carriers", "carrier.upserted", field("carrier", name),
         field("working_days", six_days_), field("cutoff", "17:00"), field("box", box),
         field("refuses", std::vector<std::string>{number == 0 ? "hazardous" : "live"}));
    tell(sink_, "carriers", "carrier.closed", field("carrier", name), field("date", date_in(18)));
    for (int from = 0; from < kZones; ++from) {
      for (int to = 0; to < kZones; ++to) {
        tell(sink_, "carriers", "lane.upserted", field("carrier", name),
             field("from_zone", numbered("zone", from)), field("to_zone", numbered("zone", to)),
             field("transit_days", 1 + below(6)));
      }
    }
  }

  void item(int number) {
    const std::vector<std::string> attributes =
        below(10) == 0 ? std::vector<std::string>{"hazardous"} : std::vector<std::string>{};
    tell(sink_, "catalog", "item.upserted", field("sku", numbered("sku", number)),
         field("length_mm", 50 + below(600)), field("width_mm", 50 + below(500)),
         field("height_mm", 20 + below(400)), field("weight_g", 50 + below(20'000)),
         field("attributes", attributes));
    for (int n = fcs_of_sku(); n > 0; --n) {
      stock_.emplace_back(number, below(kFcs));
      tell_stock(stock_.back(), below(50), sink_);
    }
  }

  /// Log-normal: median 8, mean 10.7, p99 46 or so.
  int fcs_of_sku() {
    std::lognormal_distribution<double> distribution(std::log(8.0), 0.76);
    return std::clamp(static_cast<int>(std::lround(distribution(random_))), 1, kFcs);
  }

  const WorldSink& sink_;
  std::mt19937 random_{1};
  const std::vector<int> weekdays_ = {1, 2, 3, 4, 5}, six_days_ = {1, 2, 3, 4, 5, 6};
  std::vector<StockKey> stock_;
};

}  // namespace

std::vector<StockKey> tell_world(const WorldSink& sink) { return World(sink).tell_all(); }

void tell_stock(const StockKey& key, int on_hand, const WorldSink& sink) {
  tell(sink, "inventory", "stock.set", field("sku", numbered("sku", key.first)),
       field("fc", numbered("fc", key.second)), field("on_hand", on_hand));
}

Question Questions::next() {
  Question question;
  for (int n = 1 + below(3); n > 0; --n) question.skus.push_back(numbered("sku", below(kSkus)));
  for (std::size_t i = 0; i < question.skus.size(); ++i) {
    question.quantities.push_back(1 + below(3));
  }
  question.to_zone = numbered("zone", below(kZones));
  question.at = kFirstDay + std::chrono::minutes(below(7 * 1440));
  return question;
}

}  // namespace forebay::bench::edd
