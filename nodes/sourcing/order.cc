#include "nodes/sourcing/order.h"

#include <algorithm>

namespace forebay {
namespace {

Volume side(std::int64_t length_mm) { return static_cast<Volume>(length_mm); }

/// Of a box, whose sides have no upper bound: what leaves 128 bits is as good as the largest number
/// there.
Volume box_volume(const std::array<std::int64_t, 3>& sides_mm) {
  Volume volume = side(sides_mm[0]) * side(sides_mm[1]);
  if (__builtin_mul_overflow(volume, side(sides_mm[2]), &volume)) return ~Volume{0};
  return volume;
}

}  // namespace

void Order::clear() {
  sides_mm_ = {};
  item_weight_g_ = 0;
  volume_ = 0;
  weight_g_ = 0;
  attributes_.clear();
}

void Order::add(const ItemRecord& item, std::int64_t quantity) {
  for (std::size_t i = 0; i < sides_mm_.size(); ++i) {
    sides_mm_[i] = std::max(sides_mm_[i], item.sides_mm[i]);
  }
  item_weight_g_ = std::max(item_weight_g_, item.weight_g);
  volume_ += side(item.sides_mm[0]) * side(item.sides_mm[1]) * side(item.sides_mm[2]) *
             static_cast<Volume>(quantity);
  weight_g_ += item.weight_g * quantity;
  for (const std::string_view attribute : item.attributes) attributes_.push_back(attribute);
}

std::optional<std::string_view> Order::refused_attribute(const CarrierRecord& carrier) const {
  std::optional<std::string_view> first;
  for (const std::string_view attribute : attributes_) {
    if ((!first || attribute < *first) && carrier.refuses.contains(attribute)) first = attribute;
  }
  return first;
}

bool Order::fits(const CarrierRecord& carrier) const {
  return sides_mm_[0] <= carrier.box_mm[0] && sides_mm_[1] <= carrier.box_mm[1] &&
         sides_mm_[2] <= carrier.box_mm[2] && item_weight_g_ <= carrier.box_g;
}

std::int64_t Order::boxes(const CarrierRecord& carrier) const {
  const Volume box = box_volume(carrier.box_mm);
  const auto by_volume = static_cast<std::int64_t>(volume_ / box + (volume_ % box != 0));
  const std::int64_t by_weight = weight_g_ / carrier.box_g + (weight_g_ % carrier.box_g != 0);
  return std::max({std::int64_t{1}, by_volume, by_weight});
}

}  // namespace forebay
