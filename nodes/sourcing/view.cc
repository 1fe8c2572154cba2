#include "nodes/sourcing/view.h"

#include "common/base/bytes.h"
#include "common/base/limits.h"
#include "nodes/sourcing/schema.h"

namespace forebay {
namespace {

constexpr Table kItem{0}, kStock{1}, kFc{2}, kCarrier{3}, kLane{4};
constexpr std::uint16_t kNoCutoff = 0xffff;
constexpr std::string_view kNoName = "";  // of Changes, since a name has a byte at least
constexpr std::size_t kChangesBytes = 8 + 4 * kDayCounters;

/// A key under construction, on the stack.
class Key {
 public:
  explicit Key(std::string_view first_name) { name(first_name); }

  /// A name that more may follow.
  Key& name(std::string_view text) {
    bytes_[size_++] = static_cast<char>(text.size());
    return last(text);
  }
  Key& days(std::int32_t block) { return numbered('d', block); }
  Key& room(std::int32_t block) { return numbered('r', block); }
  /// A name at the end.
  Key& last(std::string_view text) {
    FOREBAY_INVARIANT(text.size() <= limits::kSourcingNameBytesMax);
    text.copy(bytes_.data() + size_, text.size());
    size_ += text.size();
    return *this;
  }
  operator std::string_view() const { return {bytes_.data(), size_}; }

 private:
  Key& numbered(char kind, std::int32_t number) {
    bytes_[size_++] = kind;
    const std::uint32_t ordered = static_cast<std::uint32_t>(number) ^ 0x80000000u;
    for (int shift = 24; shift >= 0; shift -= 8) {
      bytes_[size_++] = static_cast<char>(ordered >> shift);
    }
    return *this;
  }

  std::array<char, limits::kStoreKeyBytesMax> bytes_;
  std::size_t size_ = 0;
};

/// Takes a record apart, front to back. It was written by this file: what does not fit is damage.
class Record {
 public:
  explicit Record(std::string_view bytes) : rest_(bytes) {}

  template <class T>
  T number() {
    FOREBAY_INVARIANT(rest_.size() >= sizeof(T));
    const T value = load_le<T>(rest_.data());
    rest_.remove_prefix(sizeof(T));
    return value;
  }
  std::string_view text() {
    const std::size_t size = number<std::uint8_t>();
    FOREBAY_INVARIANT(rest_.size() >= size);
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  [[nodiscard]] PackedNames names() const { return PackedNames(rest_); }

 private:
  std::string_view rest_;
};

void append_text(std::string& out, std::string_view text) {
  append_le(out, static_cast<std::uint8_t>(text.size()));
  out += text;
}

void append_names(std::string& out, const std::vector<std::string_view>& names) {
  for (const std::string_view name : names) append_text(out, name);
}

void append_time(std::string& out, std::optional<TimeOfDay> time) {
  append_le(out, time ? static_cast<std::uint16_t>(time->count()) : kNoCutoff);
}

template <class T>
void append_numbers(std::string& out, const std::array<std::int64_t, 3>& numbers) {
  for (const std::int64_t number : numbers) append_le(out, static_cast<T>(number));
}

/// Of what is not an FC's days, unless that FC is given.
void count_change(ViewWriter& view, Table table, std::optional<std::string_view> fc_of_days = {}) {
  const Key key(kNoName);
  std::string changes(view.get(table, key).value_or(std::string_view{}));
  changes.resize(kChangesBytes);
  bool other = !fc_of_days;
  if (fc_of_days) {
    char* const at = changes.data() + 8 + 4 * day_counter_of(*fc_of_days);
    const std::uint32_t count = load_le<std::uint32_t>(at) + 1;
    store_le(at, count);
    other = count == 0;
  }
  if (other) store_le(changes.data(), load_le<std::uint64_t>(changes.data()) + 1);
  view.put(table, key, changes);
}

tl::unexpected<Error> fail_sum(const char* what) {
  return fail(ErrorCode::kBadInput, std::string(what) + ": the sum would leave 64 bits");
}

Result<void> change_block(ViewWriter& view, Table table, std::string_view key, CivilDate date,
                          const std::function<bool(DayBlock&, unsigned day)>& change) {
  DayBlock block(view.get(table, key).value_or(std::string_view{}));
  if (!change(block, day_of_block(date))) return fail_sum("capacity_used");
  view.put(table, key, block.encode());
  return {};
}

Result<void> put_exception(ViewWriter& view, Table table, std::string_view name, CivilDate date,
                           bool open) {
  return change_block(view, table, Key(name).days(block_of(date)), date,
                      [&](DayBlock& block, unsigned day) {
                        block.set_exception(day, open);
                        return true;
                      });
}

Result<void> put_capacity(ViewWriter& view, Table table, std::string_view key, CivilDate date,
                          std::int64_t capacity) {
  return change_block(view, table, key, date, [&](DayBlock& block, unsigned day) {
    block.set_capacity(day, capacity);
    return true;
  });
}

Result<void> add_used(ViewWriter& view, Table table, std::string_view key, CivilDate date,
                      std::int64_t used) {
  return change_block(view, table, key, date,
                      [&](DayBlock& block, unsigned day) { return block.add_used(day, used); });
}

/// What each event does to the view.
struct Fold {
  ViewWriter& view;

  Result<void> operator()(const ItemUpserted& event) const {
    std::string value;
    append_numbers<std::uint32_t>(value, event.sides_mm);
    append_le(value, static_cast<std::uint32_t>(event.weight_g));
    append_names(value, event.attributes);
    view.put(kItem, event.sku, value);
    return {};
  }
  Result<void> operator()(const ItemRetired& event) const {
    view.erase(kItem, event.sku);
    return {};
  }

  Result<void> operator()(const StockSet& event) const {
    put_stock(Key(event.sku).last(event.fc), event.on_hand);
    return {};
  }
  Result<void> operator()(const StockAdjusted& event) const {
    const Key key = Key(event.sku).last(event.fc);
    const auto before = view.get(kStock, key);
    std::int64_t on_hand = before ? Record(*before).number<std::int64_t>() : 0;
    if (__builtin_add_overflow(on_hand, event.delta, &on_hand)) return fail_sum("stock.adjusted");
    put_stock(key, on_hand);
    return {};
  }

  Result<void> operator()(const FcUpserted& event) const {
    std::string value;
    append_time(value, event.cutoff);
    append_le(value, event.working_days);
    append_le(value, static_cast<std::uint32_t>(event.handling_days));
    append_text(value, event.zone);
    append_text(value, event.time_zone);
    append_le(value, static_cast<std::uint8_t>(event.carriers.has_value()));
    if (event.carriers) append_names(value, *event.carriers);
    view.put(kFc, Key(event.fc), value);
    count_change(view, kFc);
    return {};
  }
  Result<void> operator()(const FcException& event) const {
    count_change(view, kFc, event.fc);
    return put_exception(view, kFc, event.fc, event.date, event.open);
  }
  Result<void> operator()(const FcCapacitySet& event) const {
    count_change(view, kFc, event.fc);
    return put_capacity(view, kFc, Key(event.fc).days(block_of(event.date)), event.date,
                        event.orders);
  }
  Result<void> operator()(const FcCapacityUsed& event) const {
    count_change(view, kFc, event.fc);
    return add_used(view, kFc, Key(event.fc).days(block_of(event.date)), event.date, event.orders);
  }

  Result<void> operator()(const CarrierUpserted& event) const {
    std::string value;
    append_time(value, event.cutoff);
    append_le(value, event.working_days);
    append_numbers<std::int64_t>(value, event.box_mm);
    append_le(value, event.box_g);
    append_names(value, event.refuses);
    view.put(kCarrier, Key(event.carrier), value);
    count_change(view, kCarrier);
    return {};
  }
  Result<void> operator()(const CarrierException& event) const {
    count_change(view, kCarrier);
    return put_exception(view, kCarrier, event.carrier, event.date, event.open);
  }
  Result<void> operator()(const CarrierCapacitySet& event) const {
    count_change(view, kCarrier, event.fc);
    return put_capacity(view, kFc, room_key(event), event.date, event.boxes);
  }
  Result<void> operator()(const CarrierCapacityUsed& event) const {
    count_change(view, kCarrier, event.fc);
    return add_used(view, kFc, room_key(event), event.date, event.boxes);
  }
  Result<void> operator()(const LaneUpserted& event) const {
    std::string value;
    append_le(value, static_cast<std::uint32_t>(event.transit_days));
    view.put(kLane, lane_key(event), value);
    count_change(view, kCarrier);
    return {};
  }
  Result<void> operator()(const LaneRetired& event) const {
    view.erase(kLane, lane_key(event));
    count_change(view, kCarrier);
    return {};
  }

 private:
  void put_stock(std::string_view key, std::int64_t on_hand) const {
    std::string value;
    append_le(value, on_hand);
    view.put(kStock, key, value);
  }
  template <class Event>
  static Key room_key(const Event& event) {
    return Key(event.fc).room(block_of(event.date)).last(event.carrier);
  }
  template <class Event>
  static Key lane_key(const Event& event) {
    return Key(event.to_zone).name(event.from_zone).last(event.carrier);
  }
};

bool begins(const TableCursor& cursor, std::string_view prefix) {
  return cursor.key().starts_with(prefix);
}
/// Of a key that ends with it.
std::int32_t block_at_end(std::string_view key) {
  std::uint32_t ordered = 0;
  for (const char byte : key.substr(key.size() - 4)) {
    ordered = ordered << 8 | static_cast<unsigned char>(byte);
  }
  return static_cast<std::int32_t>(ordered ^ 0x80000000u);
}
std::string_view rest(const TableCursor& cursor, std::string_view prefix) {
  return cursor.key().substr(prefix.size());
}

/// Calls `visit(place, bytes)` for the blocks of DayBlocks that are there.
template <class Visit>
void for_blocks(TableCursor& cursor, std::string_view name, std::int32_t first, Visit visit) {
  Key from(name), to(name);
  from.days(first);
  to.days(first + std::int32_t{std::tuple_size_v<DayBlocks>});
  for (bool there = cursor.seek(from); there && cursor.key() < to; there = cursor.next()) {
    visit(static_cast<std::size_t>(block_at_end(cursor.key()) - first), cursor.value());
  }
}

}  // namespace

std::vector<std::string> SourcingHandler::tables() const {
  return {"item", "stock", "fc", "carrier", "lane"};
}

Result<void> SourcingHandler::apply(const EventView& event, const EventContext& context,
                                    ViewWriter& view) {
  const auto decoded = decode_upstream(context.stream, event.type, event.data);
  if (!decoded) return fail(decoded.error());
  return std::visit(Fold{view}, *decoded);
}

bool PackedNames::contains(std::string_view name) const {
  for (const std::string_view entry : *this) {
    if (entry >= name) return entry == name;
  }
  return false;
}

std::size_t day_counter_of(std::string_view fc) { return checksum(fc) % kDayCounters; }

DayChanges ViewChanges::days(std::size_t counter) const {
  const auto count = [&](std::string_view counters) {
    return counters.empty() ? 0 : load_le<std::uint32_t>(counters.data() + 4 * counter);
  };
  return {count(fc_days), count(room)};
}

ViewReader::ViewReader(const ReadTransaction& transaction)
    : transaction_(transaction), stock_(transaction, kStock) {}

ViewChanges ViewReader::changes() const {
  ViewChanges changes;
  const auto read = [&](Table table, std::uint64_t& count, std::string_view& counters) {
    const auto value = transaction_.get(table, Key(kNoName));
    if (!value) return;
    FOREBAY_INVARIANT(value->size() == kChangesBytes);
    count = load_le<std::uint64_t>(value->data());
    counters = value->substr(8);
  };
  read(kFc, changes.fcs, changes.fc_days);
  read(kCarrier, changes.carriers, changes.room);
  return changes;
}

std::optional<ItemRecord> ViewReader::item(std::string_view sku) const {
  const auto value = transaction_.get(kItem, sku);
  if (!value) return std::nullopt;
  Record record(*value);
  ItemRecord item{};
  for (std::int64_t& side : item.sides_mm) side = record.number<std::uint32_t>();
  item.weight_g = record.number<std::uint32_t>();
  item.attributes = record.names();
  return item;
}

std::optional<std::string_view> ViewReader::fc(std::string_view name) const {
  return transaction_.get(kFc, Key(name));
}

std::optional<std::string_view> ViewReader::carrier(std::string_view name) const {
  return transaction_.get(kCarrier, Key(name));
}

FcRecord parse_fc(std::string_view bytes) {
  Record record(bytes);
  FcRecord fc{};
  fc.cutoff = TimeOfDay{record.number<std::uint16_t>()};
  fc.week = record.number<std::uint8_t>();
  fc.handling_days = record.number<std::uint32_t>();
  fc.zone = record.text();
  fc.time_zone = record.text();
  if (record.number<std::uint8_t>() != 0) fc.carriers = record.names();
  return fc;
}

CarrierRecord parse_carrier(std::string_view bytes) {
  Record record(bytes);
  CarrierRecord carrier{};
  const auto cutoff = record.number<std::uint16_t>();
  if (cutoff != kNoCutoff) carrier.cutoff = TimeOfDay{cutoff};
  carrier.week = record.number<std::uint8_t>();
  for (std::int64_t& side : carrier.box_mm) side = record.number<std::int64_t>();
  carrier.box_g = record.number<std::int64_t>();
  carrier.refuses = record.names();
  return carrier;
}

ViewReader::FcDays ViewReader::fc_days(std::string_view fc, std::int32_t first_block) const {
  FcDays days;
  TableCursor cursor(transaction_, kFc);
  for_blocks(cursor, fc, first_block,
             [&](std::size_t place, std::string_view block) { days.blocks[place] = block; });
  Key from(fc), to(fc);
  from.room(first_block);
  to.room(first_block + std::int32_t{std::tuple_size_v<DayBlocks>});
  const std::size_t block_end = std::string_view(from).size();
  for (bool there = cursor.seek_near(from); there && cursor.key() < to; there = cursor.next()) {
    const std::string_view key = cursor.key();
    days.rooms.push_back(
        {block_at_end(key.substr(0, block_end)), key.substr(block_end), cursor.value()});
  }
  return days;
}

DayBlocks ViewReader::carrier_days(std::string_view carrier, CivilDate first) const {
  DayBlocks blocks;
  TableCursor cursor(transaction_, kCarrier);
  for_blocks(cursor, carrier, block_of(first), [&](std::size_t place, std::string_view block) {
    blocks[place] = DayBlockView(block);
  });
  return blocks;
}

// std::ref in callers: a std::function that holds more than two pointers would allocate.

void ViewReader::stock(
    std::string_view sku,
    const std::function<void(std::string_view fc, std::int64_t on_hand)>& visit) {
  const Key prefix(sku);
  for (bool there = stock_.seek(prefix); there && begins(stock_, prefix); there = stock_.next()) {
    visit(rest(stock_, prefix), Record(stock_.value()).number<std::int64_t>());
  }
}

void ViewReader::lanes_to(
    std::string_view zone,
    const std::function<void(std::string_view from_zone, std::string_view carrier,
                             std::int64_t transit_days)>& visit) const {
  const Key prefix(zone);
  TableCursor cursor(transaction_, kLane);
  for (bool there = cursor.seek(prefix); there && begins(cursor, prefix); there = cursor.next()) {
    const std::string_view names = rest(cursor, prefix);
    const std::size_t from_bytes = static_cast<unsigned char>(names.front());
    visit(names.substr(1, from_bytes), names.substr(1 + from_bytes),
          Record(cursor.value()).number<std::uint32_t>());
  }
}

}  // namespace forebay
