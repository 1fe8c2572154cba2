#include "nodes/sourcing/edd.h"

#include <algorithm>
#include <functional>
#include <tuple>

#include "nodes/sourcing/order.h"
#include "nodes/sourcing/tables.h"
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
struct CarrierForOrder {
  std::optional<std::string_view> refused;
  bool fits;
  std::int64_t boxes;
  DayMask working;  // from Scratch::earliest on
};

/// What rule 3 finds of an FC.
struct ReadyFc {
  std::string_view name;
  const Tables::Fc& fc;
  const FcDays& days;
  LocalTime local;
  CivilDate first;  // d: days count from here
  DayMask working;
  int ready;
};

}  // namespace

struct EddCalculator::Scratch {
  std::vector<OrderLine> lines;
  Order order;
  std::vector<StockEntry> stock;
  std::vector<std::optional<CarrierForOrder>> carriers;  // by number
  std::vector<std::optional<LocalTime>> local_times;     // by the number of the time zone
  CivilDate earliest;  // the first date that days may count from at any FC

  // What outlives a question.
  Tables tables;
  TimeZones time_zones;

  void clear() {
    lines.clear();
    order.clear();
    stock.clear();
    carriers.clear();
    local_times.clear();
  }

  std::optional<QueryError> take_lines(ViewReader& view, const EddQuestion& question);
  void find_stock(ViewReader& view);
  std::optional<LocalTime> local_time(const Tables::Fc& fc, WallTime at);
  const CarrierForOrder& carrier(ViewReader& view, std::size_t number);
  void ship(ViewReader& view, const ReadyFc& fc, const Tables::LanesTo& lanes, EddAnswer& answer);
  static int pickup_day(const ReadyFc& fc, const Tables::Carrier& carrier, std::int64_t boxes,
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

/// nullopt: the time zone is unknown here.
std::optional<LocalTime> EddCalculator::Scratch::local_time(const Tables::Fc& fc, WallTime at) {
  if (fc.time_zone >= local_times.size()) local_times.resize(fc.time_zone + 1);
  std::optional<LocalTime>& local = local_times[fc.time_zone];
  if (!local) local = time_zones.local(fc.record.time_zone, at);
  return local;
}

const CarrierForOrder& EddCalculator::Scratch::carrier(ViewReader& view, std::size_t number) {
  if (number >= carriers.size()) carriers.resize(number + 1);
  std::optional<CarrierForOrder>& carrier = carriers[number];
  if (!carrier) {
    const CarrierRecord& record = tables.carrier(number).record;
    const bool fits = order.fits(record);
    carrier = CarrierForOrder{order.refused_attribute(record), fits, fits ? order.boxes(record) : 0,
                              tables.working_days(view, number, earliest)};
  }
  return *carrier;
}

/// Rule 5, K.
int EddCalculator::Scratch::pickup_day(const ReadyFc& fc, const Tables::Carrier& carrier,
                                       std::int64_t boxes, DayMask carrier_working) {
  DayMask days = fc.working & carrier_working;
  const auto& cutoff = carrier.record.cutoff;
  if (fc.first == fc.local.date && cutoff && fc.local.time_of_day >= *cutoff) days &= ~DayMask{1};
  int day = first_day(days, fc.ready);
  while (day != kNoDay &&
         !fc.days.carrier_has_room(carrier.name, fc.first + std::chrono::days(day), boxes)) {
    day = first_day(days, day + 1);
  }
  return day;
}

/// Rules 4 to 7 for one FC.
void EddCalculator::Scratch::ship(ViewReader& view, const ReadyFc& fc, const Tables::LanesTo& lanes,
                                  EddAnswer& answer) {
  bool served = false;
  const auto& carriers_of_fc = fc.fc.record.carriers;
  for (const Tables::Lane& lane : lanes.from(fc.fc.zone)) {
    const Tables::Carrier& known = tables.carrier(lane.carrier);
    if (carriers_of_fc && !carriers_of_fc->contains(known.name)) continue;
    served = true;
    const CarrierForOrder& for_order = carrier(view, lane.carrier);
    if (for_order.refused) {
      answer.excluded.push_back({fc.name, known.name, Exclusion::kRefuses, *for_order.refused});
      continue;
    }
    if (!for_order.fits) {
      answer.excluded.push_back({fc.name, known.name, Exclusion::kOversize, {}});
      continue;
    }
    const DayMask working = for_order.working >> (fc.first - earliest).count() & kDaysInReach;
    const int pickup = pickup_day(fc, known, for_order.boxes, working);
    const int delivery = pickup == kNoDay ? kNoDay : advance(working, pickup, lane.transit_days);
    if (delivery == kNoDay) {
      answer.excluded.push_back({fc.name, known.name, Exclusion::kBeyondHorizon, {}});
      continue;
    }
    ++answer.options;
    const Promise promise{fc.first + std::chrono::days(delivery),
                          fc.first + std::chrono::days(pickup), for_order.boxes, known.name,
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
  scratch.tables.follow(transaction, view);
  if (auto error = scratch.take_lines(view, question)) return tl::unexpected(std::move(*error));
  scratch.find_stock(view);

  EddAnswer answer;
  answer.excluded.reserve(scratch.stock.size());
  const Tables::LanesTo& lanes = scratch.tables.lanes_to(view, question.to_zone);
  const std::vector<StockEntry>& stock = scratch.stock;
  for (std::size_t begin = 0, end = 0; begin < stock.size(); begin = end) {
    const std::string_view name = stock[begin].fc;
    std::size_t enough = 0;
    for (end = begin; end < stock.size() && stock[end].fc == name; ++end) {
      enough += stock[end].enough;
    }
    Tables::Fc* fc = scratch.tables.fc(view, name);
    if (fc == nullptr) continue;
    if (enough != scratch.lines.size()) {
      answer.excluded.push_back({name, {}, Exclusion::kNoStock, {}});
      continue;
    }
    const auto local = scratch.local_time(*fc, question.at);
    if (!local) {
      return tl::unexpected(QueryError{"unavailable",
                                       "FC '" + std::string(name) + "' is in time zone '" +
                                           std::string(fc->record.time_zone) +
                                           "', which this machine's tzdata no longer has: "
                                           "install the tzdata package",
                                       {}});
    }
    const int shift = local->time_of_day >= fc->record.cutoff ? 1 : 0;
    const CivilDate first = local->date + std::chrono::days(shift);
    const FcDays& known = scratch.tables.days(view, *fc, first);
    const DayWindow days(first, known.blocks);
    const DayMask working = days.working(fc->record.week) & kDaysInReach;
    const int ready = ready_day(fc->record, days, working);
    if (ready == kNoDay) {
      answer.excluded.push_back({name, {}, Exclusion::kBeyondHorizon, {}});
      continue;
    }
    scratch.ship(view, {name, *fc, known, *local, first, working, ready}, lanes, answer);
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
