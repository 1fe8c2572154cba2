// What an order amounts to: its lines added up, and how it goes into a carrier's boxes
// (docs/edd.md, rule 4). No state.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "nodes/sourcing/view.h"

namespace forebay {

__extension__ typedef unsigned __int128 Volume;  // mm³: 10⁶ units of 10¹⁵ mm³ leave 64 bits

class Order {
 public:
  /// Forgets what was added.
  void clear();
  void add(const ItemRecord& item, std::int64_t quantity);

  /// The first attribute in byte order that an item has and the carrier refuses.
  [[nodiscard]] std::optional<std::string_view> refused_attribute(
      const CarrierRecord& carrier) const;
  /// Whether each single item goes into the carrier's box and keeps its weight limit.
  [[nodiscard]] bool fits(const CarrierRecord& carrier) const;
  /// By volume and by weight, one at least. The order fits.
  [[nodiscard]] std::int64_t boxes(const CarrierRecord& carrier) const;

 private:
  std::array<std::int64_t, 3> sides_mm_{};  // the largest of each of the items' sorted sides
  std::int64_t item_weight_g_ = 0;          // of the heaviest item
  Volume volume_ = 0;                       // of all units
  std::int64_t weight_g_ = 0;
  std::vector<std::string_view> attributes_;
};

}  // namespace forebay
