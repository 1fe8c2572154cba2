#include "nodes/sourcing/schema.h"

#include <catch2/catch.hpp>

#include "world.h"

namespace forebay {
namespace {

using namespace std::string_literals;
using test::json;

/// A sound event of each type.
struct Sound {
  const char* stream;
  const char* type;
  json data;
};
const json kFcDate = {{"fc", "f"}, {"date", "2026-02-28"}};
const json kCarrierDate = {{"carrier", "c"}, {"date", "2024-02-29"}};
const json kLane = {{"carrier", "c"}, {"from_zone", "a"}, {"to_zone", "b"}};

json changed(json data, const std::string& field, const json& value) {
  data[json::json_pointer(field[0] == '/' ? field : "/" + field)] = value;
  return data;
}
json without(json data, const std::string& field) {
  data.erase(field);
  return data;
}

const Sound kItem = {"catalog",
                     "item.upserted",
                     {{"sku", "s"},
                      {"length_mm", 0},
                      {"width_mm", 100000},
                      {"height_mm", 1},
                      {"weight_g", 100000000},
                      {"attributes", {"fragile"}}}};
const Sound kFc = {"fulfilment",
                   "fc.upserted",
                   {{"fc", "f"},
                    {"zone", "z"},
                    {"time_zone", "Europe/Berlin"},
                    {"cutoff", "23:59"},
                    {"handling_days", 0},
                    {"working_days", {1, 7, 1}},
                    {"carriers", {"c", "d"}}}};
const Sound kCarrier = {
    "carriers",
    "carrier.upserted",
    {{"carrier", "c"},
     {"working_days", json::array()},
     {"cutoff", "00:00"},
     {"box", {{"length_mm", 1}, {"width_mm", 1}, {"height_mm", INT64_MAX}, {"weight_g", 1}}},
     {"refuses", json::array()}}};

const std::vector<Sound> kSound = {
    kItem,
    {"catalog", "item.retired", {{"sku", "s"}}},
    {"inventory", "stock.set", {{"sku", "s"}, {"fc", "f"}, {"on_hand", -5}}},
    {"inventory", "stock.adjusted", {{"sku", "s"}, {"fc", "f"}, {"delta", INT64_MIN}}},
    kFc,
    {"fulfilment", "fc.closed", kFcDate},
    {"fulfilment", "fc.opened", kFcDate},
    {"fulfilment", "fc.capacity_set", changed(kFcDate, "orders", 0)},
    {"fulfilment", "fc.capacity_used", changed(kFcDate, "orders", -1)},
    kCarrier,
    {"carriers", "carrier.closed", kCarrierDate},
    {"carriers", "carrier.opened", kCarrierDate},
    {"carriers", "carrier.capacity_set", changed(changed(kCarrierDate, "fc", "f"), "boxes", 3)},
    {"carriers", "carrier.capacity_used", changed(changed(kCarrierDate, "fc", "f"), "boxes", -3)},
    {"carriers", "lane.upserted", changed(kLane, "transit_days", 0)},
    {"carriers", "lane.retired", kLane},
};

/// The reason for the refusal; empty if the event is sound.
std::string refusal(const std::string& stream, const std::string& type, const std::string& data) {
  const auto decoded = decode_upstream(stream, type, data);
  if (decoded) return "";
  CHECK(decoded.error().code == ErrorCode::kBadInput);
  return decoded.error().message;
}

TEST_CASE("SoundEventsOfEveryTypePass") {
  for (const Sound& event : kSound) {
    INFO(event.type);
    CHECK(refusal(event.stream, event.type, test::to_bytes(event.data)) == "");
  }
}

TEST_CASE("FieldsBeyondTheSchemaArePassedOver") {
  for (const Sound& event : kSound) {
    INFO(event.type);
    CHECK(refusal(event.stream, event.type,
                  test::to_bytes(changed(event.data, "extra", {1, {2}}))) == "");
  }
  CHECK(refusal("catalog", "item.retired", "\x82\x01\x02\xa3sku\xa1s"s) ==
        "");  // a key that is a number
}

TEST_CASE("OptionalFieldsMayBeAbsentOrNil") {
  const auto fc = [](const json& data) {
    return refusal("fulfilment", "fc.upserted", test::to_bytes(data));
  };
  const auto carrier = [](const json& data) {
    return refusal("carriers", "carrier.upserted", test::to_bytes(data));
  };
  CHECK(fc(without(kFc.data, "carriers")) == "");
  CHECK(fc(changed(kFc.data, "carriers", nullptr)) == "");
  CHECK(carrier(without(kCarrier.data, "cutoff")) == "");
  CHECK(carrier(changed(kCarrier.data, "cutoff", nullptr)) == "");
}

TEST_CASE("EveryOtherFieldIsNeededAndTheMessageNamesIt") {
  for (const Sound& event : kSound) {
    for (const auto& [field, value] : event.data.items()) {
      if ((event.type == "fc.upserted"s && field == "carriers") ||
          (event.type == "carrier.upserted"s && field == "cutoff")) {
        continue;
      }
      const std::string message =
          refusal(event.stream, event.type, test::to_bytes(without(event.data, field)));
      CHECK(message == std::string(event.type) + ": " + field + " is missing");
    }
  }
}

TEST_CASE("ValuesOutOfRangeAreRefusedAndTheMessageNamesTheField") {
  struct Case {
    const Sound* event;
    const char* field;
    std::vector<json> refused;
    const char* rule;
  };
  const json too_large = 9223372036854775808u;
  const std::vector<json> not_names = {"", std::string(129, 'x'), 5, nullptr, json::array()};
  const std::vector<json> not_dates = {
      "2026-02-29",           "2026-13-01", "2026-00-10", "2026-01-00", "2026-1-01", "20260101",
      "2026-01-01T00:00:00Z", "-026-01-01", 20260101,     nullptr,      ""};
  const std::vector<json> not_times = {"24:00", "23:60", "9:00",  "09:0", "09:00:00",
                                       "0900",  "-1:00", "+1:00", 540,    ""};
  const std::vector<json> not_week_days = {{0},   {8},       {1, 2, 8}, {-1}, {1.0},
                                           {"1"}, {nullptr}, 5,         "1",  nullptr};
  const std::vector<json> not_side = {-1, 100001, 1.0, "1", nullptr, too_large, true};
  const Sound& stock = kSound[2];
  const Sound& closed = kSound[5];
  const Sound& capacity = kSound[7];
  const Sound& lane = kSound[14];
  const std::vector<Case> cases = {
      {&kItem, "sku", not_names, "UTF-8 text of 1 to 128 bytes"},
      {&kItem, "length_mm", not_side, "an integer from 0 to 100000"},
      {&kItem, "width_mm", not_side, "an integer from 0 to 100000"},
      {&kItem, "height_mm", not_side, "an integer from 0 to 100000"},
      {&kItem, "weight_g", {-1, 100000001, 0.5, "1", nullptr}, "an integer from 0 to 100000000"},
      {&kItem, "attributes", {"fragile", {""}, {1}, {std::string(129, 'x')}, nullptr}, ""},
      {&stock, "on_hand", {1.0, "1", nullptr, too_large}, "an integer from -9223372036854775808"},
      {&kFc, "zone", not_names, "UTF-8"},
      {&kFc,
       "time_zone",
       {"Mars/Olympus", "europe/berlin", "../../etc/passwd", "Europe", "tzdata.zi", "+01:00", "",
        1},
       ""},
      {&kFc, "cutoff", not_times, "HH:MM from 00:00 to 23:59"},
      {&kFc, "handling_days", {-1, 1000000001, 1.0, nullptr}, "an integer from 0"},
      {&kFc, "working_days", not_week_days, ""},
      {&kFc, "carriers", {"c", {""}, {1}}, ""},
      {&closed, "date", not_dates, "YYYY-MM-DD"},
      {&capacity, "orders", {1.0, "1", nullptr, too_large}, "an integer"},
      {&kCarrier, "cutoff", not_times, "HH:MM"},
      {&kCarrier, "working_days", not_week_days, ""},
      {&kCarrier, "refuses", {"x", {""}, {2}}, ""},
      {&kCarrier, "box", {nullptr, 1, json::array(), json::object()}, ""},
      {&kCarrier, "box/length_mm", {0, -1, 1.0, nullptr, too_large}, "an integer from 1"},
      {&kCarrier, "box/width_mm", {0, -1}, "an integer from 1"},
      {&kCarrier, "box/height_mm", {0, -1}, "an integer from 1"},
      {&kCarrier, "box/weight_g", {0, -1, "1"}, "an integer from 1"},
      {&lane, "transit_days", {-1, 1000000001, 1.0}, "an integer from 0"},
      {&lane, "to_zone", not_names, "UTF-8"},
  };
  for (const Case& entry : cases) {
    std::string name = entry.field;
    std::replace(name.begin(), name.end(), '/', '.');
    for (const json& value : entry.refused) {
      INFO(entry.event->type << " " << entry.field << " = " << value);
      const std::string message =
          refusal(entry.event->stream, entry.event->type,
                  test::to_bytes(changed(entry.event->data, entry.field, value)));
      CHECK(message.find(std::string(entry.event->type) + ": " + name) == 0);
      CHECK(message.find(entry.rule) != std::string::npos);
    }
  }
}

TEST_CASE("NamesMustBeUtf8") {
  const auto sku = [](const std::string& name) {
    return refusal("catalog", "item.retired",
                   "\x81\xa3sku" + std::string(1, static_cast<char>(0xa0 + name.size())) + name);
  };
  for (const std::string& name :
       {"a"s, "\xc3\xa4"s, "\xe2\x82\xac"s, "\xf0\x9f\x93\xa6"s, "\xf4\x8f\xbf\xbf"s, "a\0b"s}) {
    CHECK(sku(name) == "");
  }
  for (const std::string& name :
       {"\x80"s, "\xc3"s, "\xc0\xaf"s, "\xe0\x80\xaf"s, "\xed\xa0\x80"s, "\xf4\x90\x80\x80"s,
        "\xf5\x80\x80\x80"s, "\xe2\x82"s, "a\xff"s}) {
    CHECK(sku(name) != "");
  }
}

TEST_CASE("AFieldThatIsThereTwiceIsRefused") {
  CHECK(refusal("catalog", "item.retired", "\x82\xa3sku\xa1s\xa3sku\xa1t"s) ==
        "item.retired: sku is there twice");
}

TEST_CASE("UnknownTypesAndStreamsAreRefused") {
  const std::string data = test::to_bytes({{"sku", "s"}});
  CHECK(refusal("catalog", "item.renamed", data) ==
        "type 'item.renamed' is unknown on stream catalog, which has item.upserted, item.retired");
  CHECK(refusal("inventory", "item.retired", data).find("unknown on stream inventory") !=
        std::string::npos);
  CHECK(refusal("orders", "item.retired", data).find("none of catalog") != std::string::npos);
  CHECK(refusal("catalog", "", data) != "");
  CHECK(refusal("catalog", "\xff", data).find("\xff") == std::string::npos);
}

TEST_CASE("HostileDataIsRefused") {
  for (const Sound& event : kSound) {
    const std::string whole = test::to_bytes(event.data);
    INFO(event.type);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CHECK(refusal(event.stream, event.type, whole.substr(0, size)) != "");
    }
    CHECK(refusal(event.stream, event.type, whole + "\xc0") != "");
    for (const std::string& bomb :
         {""s, "\xc0"s, "\x90"s, "\xa1s"s, "\xc1"s, "\xdf\xff\xff\xff\xff"s,
          "\x81\xa3sku\xdd\xff\xff\xff\xff"s, "\x81\xa3sku\xdb\xff\xff\xff\xff"s,
          "\x81\xa3sku" + std::string(100000, '\x91') + "\xc0"}) {
      CHECK(refusal(event.stream, event.type, bomb) != "");
    }
  }
}

TEST_CASE("EverySingleByteChangedNeverCrashesAndNeverSlipsAnOutOfRangeNumberIn") {
  for (const Sound& event : kSound) {
    const std::string whole = test::to_bytes(event.data);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        std::string changed = whole;
        changed[at] = static_cast<char>(value);
        const auto decoded = decode_upstream(event.stream, event.type, changed);
        if (!decoded) continue;
        if (const auto* item = std::get_if<ItemUpserted>(&*decoded)) {
          REQUIRE(item->sides_mm[0] >= 0);
          REQUIRE(item->sides_mm[2] <= 100000);
          REQUIRE(item->weight_g <= 100000000);
        }
      }
    }
  }
}

TEST_CASE("ARefusedEventLeavesTheViewAsItWas") {
  test::World world;
  CHECK(world.apply("catalog", "item.upserted", kItem.data) == "");
  CHECK(world.apply("catalog", "item.upserted", changed(kItem.data, "weight_g", -1)) != "");
  const auto item = ViewReader(world.transaction()).item("s");
  REQUIRE(item.has_value());
  CHECK(item->weight_g == 100000000);
  CHECK(item->sides_mm == std::array<std::int64_t, 3>{0, 1, 100000});
}

}  // namespace
}  // namespace forebay
