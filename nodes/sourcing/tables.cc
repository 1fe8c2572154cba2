#include "nodes/sourcing/tables.h"

#include <algorithm>
#include <tuple>

namespace forebay {
namespace {

template <class Numbers>
std::size_t number_of(Numbers& numbers, std::string_view name) {
  const auto found = numbers.find(name);
  if (found != numbers.end()) return found->second;
  return numbers.emplace(name, numbers.size()).first->second;
}

}  // namespace

bool FcDays::carrier_has_room(std::string_view carrier, CivilDate date, std::int64_t boxes) const {
  const auto place = std::tuple(block_of(date), carrier);
  const auto found =
      std::lower_bound(rooms.begin(), rooms.end(), place, [](const Room& room, const auto& wanted) {
        return std::tie(room.block, room.carrier) < wanted;
      });
  return found == rooms.end() || std::tie(found->block, found->carrier) != place ||
         found->capacity.has_room(day_of_block(date), boxes);
}

void Tables::follow(const ReadTransaction& transaction, const ViewReader& view) {
  const ViewChanges before = std::exchange(changes_, view.changes());
  const BootId& store = transaction.store().boot_id();
  if (store == store_ && changes_.fcs == before.fcs && changes_.carriers == before.carriers) return;
  store_ = store;
  fcs_.clear();
  zones_.clear();
  time_zones_.clear();
  carrier_numbers_.clear();
  carriers_.clear();
  lanes_.clear();
}

Tables::Fc* Tables::fc(ViewReader& view, std::string_view name) {
  auto found = fcs_.find(name);
  if (found == fcs_.end()) {
    found = fcs_.emplace(name, std::nullopt).first;
    if (const auto bytes = view.fc(name)) {
      Fc& fc = found->second.emplace();
      fc.name = found->first;
      fc.record_bytes = *bytes;
      fc.record = parse_fc(fc.record_bytes);
      fc.zone = number_of(zones_, fc.record.zone);
      fc.time_zone = number_of(time_zones_, fc.record.time_zone);
      fc.counter = day_counter_of(name);
    }
  }
  return found->second ? &*found->second : nullptr;
}

const FcDays& Tables::days(ViewReader& view, Fc& fc, CivilDate first) {
  const std::int32_t first_block = block_of(first);
  const DayChanges changes = changes_.days(fc.counter);
  if (fc.changes == changes && fc.days.first_block == first_block) return fc.days;
  fc.changes = changes;
  fc.days = FcDays{first_block, {}, {}};
  const ViewReader::FcDays read = view.fc_days(fc.name, first_block);
  std::size_t size = 0;
  for (const std::string_view block : read.blocks) size += block.size();
  for (const auto& room : read.rooms) size += room.carrier.size() + room.capacity.size();
  fc.days_bytes.clear();
  fc.days_bytes.reserve(size);  // so that it does not move while it is borrowed from
  const auto keep = [&](std::string_view bytes) {
    const std::size_t at = fc.days_bytes.size();
    fc.days_bytes += bytes;
    return std::string_view(fc.days_bytes).substr(at);
  };
  for (std::size_t i = 0; i < read.blocks.size(); ++i) {
    if (!read.blocks[i].empty()) fc.days.blocks[i] = DayBlockView(keep(read.blocks[i]));
  }
  for (const auto& room : read.rooms) {
    fc.days.rooms.push_back({room.block, keep(room.carrier), DayBlockView(keep(room.capacity))});
  }
  return fc.days;
}

DayMask Tables::working_days(ViewReader& view, std::size_t number, CivilDate first) {
  Carrier& carrier = carriers_[number];
  if (carrier.first != first) {
    carrier.first = first;
    carrier.working =
        DayWindow(first, view.carrier_days(carrier.name, first)).working(carrier.record.week);
  }
  return carrier.working;
}

std::optional<std::size_t> Tables::carrier_number(ViewReader& view, std::string_view name) {
  auto found = carrier_numbers_.find(name);
  if (found == carrier_numbers_.end()) {
    found = carrier_numbers_.emplace(name, std::nullopt).first;
    if (const auto bytes = view.carrier(name)) {
      Carrier& carrier = carriers_.emplace_back();
      carrier.name = found->first;
      carrier.record_bytes = *bytes;
      carrier.record = parse_carrier(carrier.record_bytes);
      found->second = carriers_.size() - 1;
    }
  }
  return found->second;
}

const Tables::LanesTo& Tables::lanes_to(ViewReader& view, std::string_view zone) {
  static const LanesTo kNone;
  if (const auto found = lanes_.find(zone); found != lanes_.end()) return found->second;
  LanesTo lanes;
  const auto lane = [&](std::string_view from, std::string_view carrier,
                        std::int64_t transit_days) {
    const auto number = carrier_number(view, carrier);
    if (!number) return;
    const std::size_t from_number = number_of(zones_, from);
    if (from_number >= lanes.ranges_.size()) lanes.ranges_.resize(from_number + 1);
    LanesTo::Range& range = lanes.ranges_[from_number];
    if (range.count == 0) range.begin = static_cast<std::uint32_t>(lanes.lanes_.size());
    ++range.count;
    lanes.lanes_.push_back({*number, transit_days});
  };
  view.lanes_to(zone, std::ref(lane));
  // A zone that anybody may make up is not kept.
  if (lanes.lanes_.empty()) return kNone;
  return lanes_.emplace(zone, std::move(lanes)).first->second;
}

}  // namespace forebay
