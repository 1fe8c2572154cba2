#include "nodes/sourcing/edd.h"

#include <algorithm>
#include <array>
#include <functional>
#include <tuple>
#include <unordered_map>

#include "nodes/sourcing/order.h"
#include "nodes/sourcing/view.h"

namespace forebay {
namespace {

/// An FC with a stock record for a line's SKU.
struct StockEntry {
  std::string_view fc;
  bool enough;
};

// Clocks show at most a day more or less than UTC, and rule 3 shifts by one: days count from one of
// four dates, and what a mask holds from the earliest of them on is what is in reach of each.
static_assert(limits::kHorizonDays + 3 < 64);

/// A carrier as this order meets it, the same from every FC.
struct Carrier {
  std::string_view name;
  std::optional<CarrierRecord> record;  // none: not known
  std::optional<std::string_view> refused;
  bool fits = false;
  std::int64_t boxes = 0;
  std::optional<DayMask> working;  // its working days from Scratch::earliest on, once asked for
};

struct Lane {
  std::size_t carrier;  // in Scratch::carriers
  std::int64_t transit_days;
};

struct LaneRange {
  std::size_t begin, end;  // in Scratch::lanes
};

struct Room {
  std::string_view carrier;
  DayBlockView capacity;
};

/// What rule 3 finds of an FC.
struct ReadyFc {
  std::string_view name;
  FcRecord record;
  LocalTime local;
  CivilDate first;  // d: days count from here
  DayMask working;
  int ready;
};

template <class Value>
using ByName = std::unordered_map<std::string_view, Value>;

}  // namespace

struct EddCalculator::Scratch {
  std::vector<OrderLine> lines;
  Order order;
  std::vector<StockEntry> stock;
  std::vector<Carrier> carriers;
  ByName<std::size_t> carrier_index;
  std::vector<Lane> lanes;
  ByName<LaneRange> lanes_from;
  std::array<std::vector<Room>, DayWindow::kBlocks> rooms;
  std::array<bool, DayWindow::kBlocks> rooms_read{};
  CivilDate earliest;  // the first date that days may count from at any FC

  void clear() {
    lines.clear();
    order.clear();
    stock.clear();
    carriers.clear();
    carrier_index.clear();
    lanes.clear();
    lanes_from.clear();
  }

  std::optional<QueryError> take_lines(ViewReader& view, const EddQuestion& question);
  void find_stock(ViewReader& view);
  LaneRange find_lanes(ViewReader& view, std::string_view from, std::string_view to);
  std::size_t find_carrier(ViewReader& view, std::string_view name);
  DayMask working_days(ViewReader& view, Carrier& carrier, CivilDate first);
  bool carrier_has_room(ViewReader& view, const ReadyFc& fc, const Carrier& carrier, int day);
  void ship(ViewReader& view, const ReadyFc& fc, std::string_view to_zone, EddAnswer& answer);
  int pickup_day(ViewReader& view, const ReadyFc& fc, const Carrier& carrier,
                 DayMask carrier_working);
};

namespace {

/// Rule 3 from the date on that the FC would start at. kNoDay: beyond the horizon.
int ready_day(const FcRecord& fc, const DayWindow& days, DayMask working) {
  int processing = first_day(working, 0);
  while (processing != kNoDay && !days.has_room(processing, 1)) {
    processing = first_day(working, processing + 1);
  }
  return processing == kNoDay ? kNoDay : advance(working, processing, fc.handling_days);
}

bool better(const Promise& a, const Promise& b) {
  return std::tie(a.delivery, a.boxes, a.carrier, a.fc) <
         std::tie(b.delivery, b.boxes, b.carrier, b.fc);
}

}  // namespace

/// Adds the lines of one SKU up, and the items to the order.
std::optional<QueryError> EddCalculator::Scratch::take_lines(ViewReader& view,
                                                             const EddQuestion& question) {
  for (std::size_t i = 0; i < question.lines.size(); ++i) {
    const OrderLine& line = question.lines[i];
    const auto item = view.item(line.sku);
    if (!item) {
      return QueryError{
          "unknown_sku",
          "no item '" + std::string(line.sku) + "' in the catalog: never heard of, or retired",
          "lines[" + std::to_string(i) + "].sku"};
    }
    order.add(*item, line.quantity);
    const auto same = std::find_if(lines.begin(), lines.end(),
                                   [&](const OrderLine& other) { return other.sku == line.sku; });
    if (same == lines.end()) {
      lines.push_back(line);
    } else {
      same->quantity += line.quantity;
    }
  }
  return std::nullopt;
}

/// Rule 1: the stock records of all lines, those of one FC beside each other.
void EddCalculator::Scratch::find_stock(ViewReader& view) {
  for (const OrderLine& line : lines) {
    const auto entry = [&](std::string_view fc, std::int64_t on_hand) {
      stock.push_back({fc, on_hand >= line.quantity});
    };
    view.stock(line.sku, std::ref(entry));
  }
  if (lines.size() > 1) {
    std::sort(stock.begin(), stock.end(),
              [](const StockEntry& a, const StockEntry& b) { return a.fc < b.fc; });
  }
}

std::size_t EddCalculator::Scratch::find_carrier(ViewReader& view, std::string_view name) {
  const auto [found, added] = carrier_index.try_emplace(name, carriers.size());
  if (!added) return found->second;
  Carrier carrier{};
  carrier.name = name;
  carrier.record = view.carrier(name);
  if (carrier.record) {
    carrier.refused = order.refused_attribute(*carrier.record);
    carrier.fits = order.fits(*carrier.record);
    if (carrier.fits) carrier.boxes = order.boxes(*carrier.record);
  }
  carriers.push_back(carrier);
  return found->second;
}

LaneRange EddCalculator::Scratch::find_lanes(ViewReader& view, std::string_view from,
                                             std::string_view to) {
  const auto [found, added] = lanes_from.try_emplace(from, LaneRange{lanes.size(), 0});
  if (added) {
    const auto lane = [&](std::string_view carrier, std::int64_t transit_days) {
      const std::size_t index = find_carrier(view, carrier);
      if (carriers[index].record) lanes.push_back({index, transit_days});
    };
    view.lanes(from, to, std::ref(lane));
    found->second.end = lanes.size();
  }
  return found->second;
}

DayMask EddCalculator::Scratch::working_days(ViewReader& view, Carrier& carrier, CivilDate first) {
  if (!carrier.working) {
    carrier.working = view.carrier_days(carrier.name, earliest).working(carrier.record->week);
  }
  return *carrier.working >> (first - earliest).count() & kDaysInReach;
}

bool EddCalculator::Scratch::carrier_has_room(ViewReader& view, const ReadyFc& fc,
                                              const Carrier& carrier, int day) {
  const CivilDate date = fc.first + std::chrono::days(day);
  const auto block = static_cast<std::size_t>(block_of(date) - block_of(fc.first));
  std::vector<Room>& known = rooms[block];
  if (!rooms_read[block]) {
    rooms_read[block] = true;
    const auto room = [&](std::string_view name, DayBlockView capacity) {
      known.push_back({name, capacity});
    };
    view.carrier_room(fc.name, block_of(date), std::ref(room));
  }
  const auto found =
      std::lower_bound(known.begin(), known.end(), carrier.name,
                       [](const Room& room, std::string_view name) { return room.carrier < name; });
  return found == known.end() || found->carrier != carrier.name ||
         found->capacity.has_room(day_of_block(date), carrier.boxes);
}

/// Rule 5, K.
int EddCalculator::Scratch::pickup_day(ViewReader& view, const ReadyFc& fc, const Carrier& carrier,
                                       DayMask carrier_working) {
  DayMask days = fc.working & carrier_working;
  const auto& cutoff = carrier.record->cutoff;
  if (fc.first == fc.local.date && cutoff && fc.local.time_of_day >= *cutoff) days &= ~DayMask{1};
  int day = first_day(days, fc.ready);
  while (day != kNoDay && !carrier_has_room(view, fc, carrier, day)) day = first_day(days, day + 1);
  return day;
}

/// Rules 4 to 7 for one FC.
void EddCalculator::Scratch::ship(ViewReader& view, const ReadyFc& fc, std::string_view to_zone,
                                  EddAnswer& answer) {
  for (std::size_t i = 0; i < rooms.size(); ++i) {
    rooms[i].clear();
    rooms_read[i] = false;
  }
  bool served = false;
  const LaneRange range = find_lanes(view, fc.record.zone, to_zone);
  for (std::size_t i = range.begin; i < range.end; ++i) {
    Carrier& carrier = carriers[lanes[i].carrier];
    if (fc.record.carriers && !fc.record.carriers->contains(carrier.name)) continue;
    served = true;
    if (carrier.refused) {
      answer.excluded.push_back({fc.name, carrier.name, Exclusion::kRefuses, *carrier.refused});
      continue;
    }
    if (!carrier.fits) {
      answer.excluded.push_back({fc.name, carrier.name, Exclusion::kOversize, {}});
      continue;
    }
    const DayMask working = working_days(view, carrier, fc.first);
    const int pickup = pickup_day(view, fc, carrier, working);
    const int delivery =
        pickup == kNoDay ? kNoDay : advance(working, pickup, lanes[i].transit_days);
    if (delivery == kNoDay) {
      answer.excluded.push_back({fc.name, carrier.name, Exclusion::kBeyondHorizon, {}});
      continue;
    }
    ++answer.options;
    const Promise promise{fc.first + std::chrono::days(delivery),
                          fc.first + std::chrono::days(pickup), carrier.boxes, carrier.name,
                          fc.name};
    if (!answer.best || better(promise, *answer.best)) answer.best = promise;
  }
  if (!served) answer.excluded.push_back({fc.name, {}, Exclusion::kNoLane, {}});
}

EddCalculator::EddCalculator() : scratch_(std::make_unique<Scratch>()) {}
EddCalculator::~EddCalculator() = default;

tl::expected<EddAnswer, QueryError> EddCalculator::answer(const ReadTransaction& transaction,
                                                          const EddQuestion& question) {
  ViewReader view(transaction);
  Scratch& scratch = *scratch_;
  scratch.clear();
  scratch.earliest = std::chrono::floor<std::chrono::days>(question.at) - std::chrono::days(1);
  if (auto error = scratch.take_lines(view, question)) return tl::unexpected(std::move(*error));
  scratch.find_stock(view);

  EddAnswer answer;
  const std::vector<StockEntry>& stock = scratch.stock;
  for (std::size_t begin = 0, end = 0; begin < stock.size(); begin = end) {
    const std::string_view name = stock[begin].fc;
    std::size_t enough = 0;
    for (end = begin; end < stock.size() && stock[end].fc == name; ++end) {
      enough += stock[end].enough;
    }
    const auto record = view.fc(name);
    if (!record) continue;
    if (enough != scratch.lines.size()) {
      answer.excluded.push_back({name, {}, Exclusion::kNoStock, {}});
      continue;
    }
    const auto local = zones_.local(record->time_zone, question.at);
    if (!local) {
      return tl::unexpected(QueryError{"unavailable",
                                       "FC '" + std::string(name) + "' is in time zone '" +
                                           std::string(record->time_zone) +
                                           "', which this machine's tzdata no longer has: "
                                           "install the tzdata package",
                                       {}});
    }
    const int shift = local->time_of_day >= record->cutoff ? 1 : 0;
    const CivilDate first = local->date + std::chrono::days(shift);
    const DayWindow days = view.fc_days(name, first);
    const DayMask working = days.working(record->week) & kDaysInReach;
    const int ready = ready_day(*record, days, working);
    if (ready == kNoDay) {
      answer.excluded.push_back({name, {}, Exclusion::kBeyondHorizon, {}});
      continue;
    }
    scratch.ship(view, {name, *record, *local, first, working, ready}, question.to_zone, answer);
  }
  return answer;
}

std::string Excluded::reason_text() const {
  switch (reason) {
    case Exclusion::kNoStock:
      return "no_stock";
    case Exclusion::kBeyondHorizon:
      return "beyond_horizon";
    case Exclusion::kNoLane:
      return "no_lane";
    case Exclusion::kRefuses:
      return "refuses:" + std::string(attribute);
    case Exclusion::kOversize:
      return "oversize";
  }
  FOREBAY_INVARIANT(false);
}

}  // namespace forebay
