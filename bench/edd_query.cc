// How long one delivery date takes in process: 30,000 SKUs, 3,000 FCs, about 10 FCs a SKU (p99 50),
// 4 carriers, orders of 1 to 3 lines. Prints percentiles over all questions and over those of each
// number of lines, and how many FCs a question had to weigh.
//
//   bench_edd [FOLDER]    the view is built in a new folder under FOLDER (default: the system's
//   temporary folder)
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <msgpack.hpp>
#include <random>
#include <string>
#include <vector>

#include "common/event/msgpack_out.h"
#include "nodes/sourcing/edd.h"
#include "nodes/sourcing/view.h"

namespace forebay {
namespace {

constexpr int kSkus = 30'000, kFcs = 3'000, kCarriers = 4, kZones = 27, kQuestions = 200'000;
const std::vector<std::string> kTimeZones = {"Europe/Berlin", "Europe/London", "America/New_York",
                                             "America/Sao_Paulo", "Asia/Tokyo"};

/// Builds a view through the real handler, in transactions of bounded size.
class Builder {
 public:
  explicit Builder(Store& store) : store_(store) {}

  template <class... Pairs>
  void event(std::string_view stream, std::string_view type, const Pairs&... pairs) {
    if (!write_) write_.emplace(store_.write());
    std::string data;
    MsgpackOut sink{data};
    MsgpackPacker pack(sink);
    pack.pack_map(sizeof...(pairs));
    (put(pack, pairs), ...);
    EventView view_of_event{};
    view_of_event.type = type;
    view_of_event.data = data;
    EventContext context{};
    context.stream = stream;
    ViewWriter view(*write_);
    check(handler_.apply(view_of_event, context, view));
    check(view.accept());
    if (++events_ % 50'000 == 0) commit();
  }
  void commit() {
    if (write_) check(write_->commit());
    write_.reset();
  }

 private:
  template <class Value>
  static void put(MsgpackPacker& pack, const std::pair<const char*, Value>& pair) {
    pack.pack(pair.first);
    pack.pack(pair.second);
  }
  static void check(const Result<void>& done) {
    if (done) return;
    std::fprintf(stderr, "%s\n", done.error().message.c_str());
    std::exit(1);
  }

  Store& store_;
  std::optional<WriteTransaction> write_;
  SourcingHandler handler_;
  std::size_t events_ = 0;
};

template <class Value>
std::pair<const char*, Value> field(const char* name, Value value) {
  return {name, std::move(value)};
}

std::string numbered(const char* prefix, int number) {
  char text[32];
  std::snprintf(text, sizeof text, "%s-%05d", prefix, number);
  return text;
}

std::string date_in(int days) {
  return to_text(CivilDate{std::chrono::year{2026} / 3 / 2} + std::chrono::days(days));
}

/// Log-normal: median 8, mean 10.7, p99 46 or so, as in issue "about 10 FCs a SKU (p99 50)".
int fcs_of_sku(std::mt19937& random) {
  std::lognormal_distribution<double> distribution(std::log(8.0), 0.76);
  return std::clamp(static_cast<int>(std::lround(distribution(random))), 1, kFcs);
}

void build(Store& store) {
  std::mt19937 random(1);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  Builder builder(store);
  const std::vector<int> weekdays = {1, 2, 3, 4, 5}, six_days = {1, 2, 3, 4, 5, 6};
  for (int i = 0; i < kFcs; ++i) {
    const std::string fc = numbered("fc", i);
    builder.event("fulfilment", "fc.upserted", field("fc", fc),
                  field("zone", numbered("zone", below(kZones))),
                  field("time_zone", kTimeZones[static_cast<std::size_t>(below(5))]),
                  field("cutoff", "14:00"), field("handling_days", below(3)),
                  field("working_days", below(4) == 0 ? six_days : weekdays));
    builder.event("fulfilment", "fc.closed", field("fc", fc), field("date", date_in(below(60))));
    for (int day = 0; day < 5; ++day) {
      builder.event("fulfilment", "fc.capacity_set", field("fc", fc), field("date", date_in(day)),
                    field("orders", 100));
      builder.event("fulfilment", "fc.capacity_used", field("fc", fc), field("date", date_in(day)),
                    field("orders", below(110)));
    }
    for (int carrier = 0; carrier < kCarriers; ++carrier) {
      builder.event("carriers", "carrier.capacity_set",
                    field("carrier", numbered("carrier", carrier)), field("fc", fc),
                    field("date", date_in(below(5))), field("boxes", below(20)));
    }
  }
  for (int carrier = 0; carrier < kCarriers; ++carrier) {
    const std::string name = numbered("carrier", carrier);
    const std::map<std::string, int> box = {
        {"length_mm", 800}, {"width_mm", 600}, {"height_mm", 600}, {"weight_g", 30'000}};
    builder.event("carriers", "carrier.upserted", field("carrier", name),
                  field("working_days", six_days), field("cutoff", "17:00"), field("box", box),
                  field("refuses", std::vector<std::string>{carrier == 0 ? "hazardous" : "live"}));
    builder.event("carriers", "carrier.closed", field("carrier", name), field("date", date_in(18)));
    for (int from = 0; from < kZones; ++from) {
      for (int to = 0; to < kZones; ++to) {
        builder.event("carriers", "lane.upserted", field("carrier", name),
                      field("from_zone", numbered("zone", from)),
                      field("to_zone", numbered("zone", to)), field("transit_days", 1 + below(6)));
      }
    }
  }
  for (int i = 0; i < kSkus; ++i) {
    const std::string sku = numbered("sku", i);
    const std::vector<std::string> attributes =
        below(10) == 0 ? std::vector<std::string>{"hazardous"} : std::vector<std::string>{};
    builder.event("catalog", "item.upserted", field("sku", sku),
                  field("length_mm", 50 + below(600)), field("width_mm", 50 + below(500)),
                  field("height_mm", 20 + below(400)), field("weight_g", 50 + below(20'000)),
                  field("attributes", attributes));
    for (int n = fcs_of_sku(random); n > 0; --n) {
      builder.event("inventory", "stock.set", field("sku", sku),
                    field("fc", numbered("fc", below(kFcs))), field("on_hand", below(50)));
    }
  }
  builder.commit();
}

void print(const char* what, std::vector<double>& microseconds) {
  if (microseconds.empty()) return;
  std::sort(microseconds.begin(), microseconds.end());
  const auto at = [&](double share) {
    return microseconds[static_cast<std::size_t>(share *
                                                 static_cast<double>(microseconds.size() - 1))];
  };
  std::printf(
      "%-10s %9zu questions   p50 %6.2f us   p90 %6.2f us   p99 %6.2f us   p99.9 %7.2f us\n", what,
      microseconds.size(), at(0.5), at(0.9), at(0.99), at(0.999));
}

int run(const std::string& folder) {
  std::string dir = folder + "/bench-edd-XXXXXX";
  if (::mkdtemp(dir.data()) == nullptr) {
    std::fprintf(stderr, "cannot make a folder under %s\n", folder.c_str());
    return 1;
  }
  const auto store = Store::open(dir + "/view", SourcingHandler().tables());
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().message.c_str());
    return 1;
  }
  build(**store);

  std::mt19937 random(2);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  EddCalculator calculator;
  std::vector<double> all, by_lines[4], weighed;
  std::size_t answered = 0;
  for (int i = 0; i < kQuestions; ++i) {
    std::vector<std::string> skus;
    std::vector<OrderLine> lines;
    for (int n = 1 + below(3); n > 0; --n) skus.push_back(numbered("sku", below(kSkus)));
    for (const std::string& sku : skus) lines.push_back({sku, 1 + below(3)});
    const std::string to_zone = numbered("zone", below(kZones));
    const WallTime at =
        CivilDate{std::chrono::year{2026} / 3 / 2} + std::chrono::minutes(below(7 * 1440));
    const auto begin = std::chrono::steady_clock::now();
    const ReadTransaction view = (*store)->read();
    const auto answer = calculator.answer(view, {lines, to_zone, at});
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
    all.push_back(took.count());
    by_lines[lines.size()].push_back(took.count());
    if (answer) {
      answered += answer->best.has_value();
      weighed.push_back(static_cast<double>(answer->options + answer->excluded.size()));
    }
  }
  std::printf(
      "%d SKUs, %d FCs, %d carriers, %d zones; view %.1f MiB; %.1f%% of the questions have a "
      "date\n",
      kSkus, kFcs, kCarriers, kZones, static_cast<double>((*store)->used_bytes()) / 1048576,
      100.0 * static_cast<double>(answered) / kQuestions);
  print("all", all);
  print("1 line", by_lines[1]);
  print("2 lines", by_lines[2]);
  print("3 lines", by_lines[3]);
  std::sort(weighed.begin(), weighed.end());
  std::printf("options and exclusions of a question: p50 %.0f, p99 %.0f\n",
              weighed[weighed.size() / 2], weighed[weighed.size() * 99 / 100]);
  std::error_code ignored;
  std::filesystem::remove_all(dir, ignored);
  return 0;
}

}  // namespace
}  // namespace forebay

int main(int argc, char** argv) {
  return forebay::run(argc > 1 ? argv[1] : std::filesystem::temp_directory_path().string());
}
