// The sourcing node's inputs: events of its upstreams, folded into a view, and queries.
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/base/bytes.h"
#include "common/event/event_json.h"
#include "common/event/json_value.h"
#include "common/event/msgpack_check.h"
#include "nodes/sourcing/edd.h"
#include "nodes/sourcing/query.h"
#include "nodes/sourcing/schema.h"
#include "nodes/sourcing/view.h"
#include "tests/fuzz/fuzz.h"

namespace forebay::fuzz {
namespace {

struct Kind {
  std::string_view stream, type;
};
constexpr Kind kKinds[] = {{"catalog", "item.upserted"},
                           {"catalog", "item.retired"},
                           {"inventory", "stock.set"},
                           {"inventory", "stock.adjusted"},
                           {"fulfilment", "fc.upserted"},
                           {"fulfilment", "fc.closed"},
                           {"fulfilment", "fc.opened"},
                           {"fulfilment", "fc.capacity_set"},
                           {"fulfilment", "fc.capacity_used"},
                           {"carriers", "carrier.upserted"},
                           {"carriers", "carrier.closed"},
                           {"carriers", "carrier.opened"},
                           {"carriers", "carrier.capacity_set"},
                           {"carriers", "carrier.capacity_used"},
                           {"carriers", "lane.upserted"},
                           {"carriers", "lane.retired"},
                           {"carriers", "stock.set"},
                           {"others", "item.upserted"}};

/// A world in which something can be promised: kind, then its data.
struct Sample {
  std::size_t kind;
  std::string_view data;
};
constexpr Sample kWorld[] = {
    {0,
     R"({"sku":"a","length_mm":10,"width_mm":20,"height_mm":5,"weight_g":9,"attributes":["x"]})"},
    {2, R"({"sku":"a","fc":"f","on_hand":5})"},
    {3, R"({"sku":"a","fc":"f","delta":-2})"},
    {4, R"({"fc":"f","zone":"z","time_zone":"Europe/Berlin","cutoff":"16:00","handling_days":1,)"
        R"("working_days":[1,2,3,4,5],"carriers":["c"]})"},
    {5, R"({"fc":"f","date":"2026-03-03"})"},
    {6, R"({"fc":"f","date":"2026-03-07"})"},
    {7, R"({"fc":"f","date":"2026-03-02","orders":3})"},
    {8, R"({"fc":"f","date":"2026-03-02","orders":1})"},
    {9, R"({"carrier":"c","working_days":[1,2,3,4,5,6],"box":{"length_mm":800,"width_mm":500,)"
        R"("height_mm":400,"weight_g":25000},"refuses":["hazmat"],"cutoff":"18:00"})"},
    {10, R"({"carrier":"c","date":"2026-03-04"})"},
    {11, R"({"carrier":"c","date":"2026-03-08"})"},
    {12, R"({"carrier":"c","fc":"f","date":"2026-03-05","boxes":9})"},
    {13, R"({"carrier":"c","fc":"f","date":"2026-03-05","boxes":8})"},
    {14, R"({"carrier":"c","from_zone":"z","to_zone":"t","transit_days":2})"},
    {15, R"({"carrier":"c","from_zone":"z","to_zone":"u"})"},
    {1, R"({"sku":"b"})"},
};

std::string packed(std::string_view json) { return *msgpack_from_json(*parse_json(json)); }

Store& view_store() {
  static Store* const store = [] {
    std::filesystem::remove_all("view");
    auto opened = Store::open("view", SourcingHandler().tables());
    require(opened.has_value(), "a view is made");
    return opened->release();
  }();
  return *store;
}

/// What the handler made of one event; nothing stays of one that was refused.
bool apply(WriteTransaction& write, const Kind& kind, std::string_view data) {
  ViewWriter view(write);
  EventView event{};
  event.type = kind.type;
  event.data = data;
  EventContext context{};
  context.stream = kind.stream;
  if (!SourcingHandler().apply(event, context, view)) {
    view.refuse();
    return false;
  }
  const auto accepted = view.accept();
  require(accepted || accepted.error().code == ErrorCode::kBadInput, "the store holds");
  return accepted.has_value();
}

void ask(const ReadTransaction& view, EddCalculator& calculator, const EddQuestion& question) {
  const auto answer = calculator.answer(view, question);
  if (!answer) return static_cast<void>(encode_error(answer.error(), {}));
  const std::string bytes = encode_answer(*answer, encode_as_of({}), {});
  require(check_msgpack(bytes).has_value(), "an answer is msgpack");
}

/// Events of any kind and a view that they are applied to: kind u8, data with its length.
void decode_upstream_events(std::string_view input) {
  constexpr int kEventsMax = 64;
  WriteTransaction write = view_store().write();
  Input in(input);
  for (int i = 0; i < kEventsMax && !in.empty(); ++i) {
    const Kind& kind = kKinds[in.byte() % std::size(kKinds)];
    const std::string data(in.part());
    const bool sound = decode_upstream(kind.stream, kind.type, data).has_value();
    require(!apply(write, kind, data) || sound, "what breaks its schema is refused");
  }
  EddCalculator calculator;
  const std::array lines = {OrderLine{"a", 2}};
  for (const std::int64_t day : {20'514, 20'515, 20'600, 0})  // from 2026-03-02 on; 1970
    ask(write, calculator, {lines, "t", wall_from_unix_ns(day * 86'400'000'000'000)});
}

std::vector<std::string> upstream_event_seeds() {
  std::vector<std::string> seeds(1);
  for (const Sample& sample : kWorld) {
    std::string seed(1, static_cast<char>(sample.kind));
    append_part(seed, packed(sample.data));
    seeds[0] += seed;
    seeds.push_back(seed);
  }
  return seeds;
}
const Decoder upstream_event_decoder{"upstream_event", decode_upstream_events,
                                     upstream_event_seeds};

void decode_query(std::string_view input) {
  static EddCalculator* const calculator = [] {
    WriteTransaction write = view_store().write();
    for (const Sample& sample : kWorld)
      require(apply(write, kKinds[sample.kind], packed(sample.data)), "a sample is in order");
    require(write.commit().has_value(), "a view is written");
    return new EddCalculator;
  }();
  const ParsedQuery parsed = parse_query(input, wall_from_unix_ns(1'772'500'000'000'000'000));
  require(input.find(parsed.id) != std::string_view::npos, "an id is the query's own bytes");
  if (!parsed.request) {
    require(check_msgpack(encode_error(parsed.request.error(), parsed.id)).has_value(),
            "an error is msgpack");
    return;
  }
  const ReadTransaction view = view_store().read();
  ask(view, *calculator, parsed.request->question());
}

std::vector<std::string> query_seeds() {
  std::vector<std::string> seeds;
  for (
      const std::string_view text :
      {R"({"lines":[{"sku":"a","quantity":1}],"to_zone":"t","at":"2026-03-02T10:00:00+01:00"})",
       R"({"lines":[{"sku":"a","quantity":1},{"sku":"a","quantity":9}],"to_zone":"t","id":[1,"x"],)"
       R"("at":"1678-01-01T00:00:00Z","timeout_ms":0,"view":"past"})",
       R"({"lines":[{"sku":"b","quantity":1}],"to_zone":"u","at":"2261-12-31T23:59:59-23:59",)"
       R"("at_least":{"catalog":3,"carriers":"00112233445566778899aabbccddeeff:9"}})"})
    seeds.push_back(packed(text));
  return seeds;
}
const Decoder query_decoder{"query", decode_query, query_seeds};

}  // namespace
}  // namespace forebay::fuzz
