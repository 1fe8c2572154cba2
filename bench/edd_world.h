// The world that delivery dates are asked of, and the questions: 30,000 SKUs, 3,000 FCs, about 10 FCs
// a SKU (p99 50), 4 carriers, orders of 1 to 3 lines. The same at every run.
#pragma once

#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"

namespace forebay::bench::edd {

inline constexpr int kSkus = 30'000, kFcs = 3'000, kCarriers = 4, kZones = 27;

/// An event of an upstream; its texts are valid during the call.
struct WorldEvent {
  std::string_view stream, type, subject, data;
};
using WorldSink = std::function<void(const WorldEvent&)>;

/// A stock record: of which SKU, where.
using StockKey = std::pair<int, int>;

/// Tells the whole world, and returns where there is stock.
std::vector<StockKey> tell_world(const WorldSink& sink);

/// A change that leaves the world as large as it is.
void tell_stock(const StockKey& key, int on_hand, const WorldSink& sink);

struct Question {
  std::vector<std::string> skus;
  std::vector<int> quantities;  // a SKU's each
  std::string to_zone;
  WallTime at;
};

class Questions {
 public:
  Question next();

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  std::mt19937 random_{2};
};

}  // namespace forebay::bench::edd
