#include "nodes/sourcing/query.h"

#include <catch2/catch.hpp>

#include "world.h"

namespace forebay {
namespace {

using namespace std::string_literals;
using test::json;

const WallTime kNow = from_rfc3339("2026-03-02T09:00:00Z").value();
const json kLine = {{"sku", "s"}, {"quantity", 1}};
const json kQuery = {{"lines", json::array({kLine})}, {"to_zone", "z"}};

json with(json query, const std::string& field, const json& value) {
  query[json::json_pointer("/" + field)] = value;
  return query;
}

/// The error's field, and a check that its code is bad_query; "(none)" if the query is sound.
std::string bad_field(const std::string& bytes) {
  const ParsedQuery parsed = parse_query(bytes, kNow);
  if (parsed.request) return "(none)";
  CHECK(parsed.request.error().code == "bad_query");
  CHECK_FALSE(parsed.request.error().message.empty());
  return parsed.request.error().field;
}
std::string bad_field(const json& query) { return bad_field(test::to_bytes(query)); }

TEST_CASE("AQueryNeedsLinesAndZoneOnly") {
  const std::string bytes = test::to_bytes(kQuery);
  const ParsedQuery parsed = parse_query(bytes, kNow);
  REQUIRE(parsed.request.has_value());
  CHECK(parsed.id.empty());
  CHECK(parsed.request->lines.size() == 1);
  CHECK(parsed.request->lines[0].sku == "s");
  CHECK(parsed.request->lines[0].quantity == 1);
  CHECK(parsed.request->to_zone == "z");
  CHECK(parsed.request->at == kNow);
  CHECK(parsed.request->at_least.empty());
  CHECK(parsed.request->timeout == std::chrono::milliseconds(1000));
  CHECK(parsed.request->view.empty());
}

TEST_CASE("EveryFieldOfAQueryArrives") {
  const std::string token = std::string(32, 'a') + ":7";
  json query = kQuery;
  query.update({{"at", "2026-03-01T10:00:00+01:00"},
                {"at_least", {{"catalog", 5}, {"inventory", token}, {"carriers", 0}}},
                {"timeout_ms", 0},
                {"view", "past-1"},
                {"id", {{"mine", {1, 2}}}}});
  const std::string bytes = test::to_bytes(query);
  const ParsedQuery parsed = parse_query(bytes, kNow);
  REQUIRE(parsed.request.has_value());
  CHECK(parsed.request->at == from_rfc3339("2026-03-01T09:00:00Z").value());
  REQUIRE(parsed.request->at_least.size() == 3);
  CHECK(std::get<Sequence>(parsed.request->at_least.at("catalog")) == Sequence{5});
  CHECK(std::get<Sequence>(parsed.request->at_least.at("carriers")) == Sequence{0});
  CHECK(std::get<Position>(parsed.request->at_least.at("inventory")).token() == token);
  CHECK(parsed.request->timeout == std::chrono::milliseconds(0));
  CHECK(parsed.request->view == "past-1");
  CHECK(parsed.id == test::to_bytes({{"mine", {1, 2}}}));
}

TEST_CASE("NilStandsForAnAbsentOptionalField") {
  for (const char* field : {"at", "at_least", "timeout_ms", "view", "id"}) {
    CHECK(bad_field(with(kQuery, field, nullptr)) == "(none)");
  }
}

TEST_CASE("LinesAndQuantitiesHaveBounds") {
  const auto lines = [](std::size_t count) {
    return with(kQuery, "lines", std::vector<json>(count, kLine));
  };
  CHECK(bad_field(lines(0)) == "lines");
  CHECK(bad_field(lines(1)) == "(none)");
  CHECK(bad_field(lines(100)) == "(none)");
  CHECK(bad_field(lines(101)) == "lines");
  CHECK(bad_field(with(kQuery, "lines", kLine)) == "lines");
  CHECK(bad_field(with(kQuery, "lines/0", "s")) == "lines[0]");
  for (const json& quantity : std::vector<json>{0, -1, 10001, 1.0, "1", nullptr}) {
    CHECK(bad_field(with(kQuery, "lines/0/quantity", quantity)) == "lines[0].quantity");
  }
  CHECK(bad_field(with(kQuery, "lines/0/quantity", 10000)) == "(none)");
  CHECK(bad_field(with(lines(3), "lines/2/sku", "")) == "lines[2].sku");
  CHECK(bad_field(with(lines(3), "lines/1", {{"sku", "s"}})) == "lines[1].quantity");
  CHECK(bad_field(with(lines(3), "lines/1/colour", "red")) == "lines[1].colour");
}

TEST_CASE("WhatIsWrongIsNamed") {
  CHECK(bad_field(json{{"to_zone", "z"}}) == "lines");
  CHECK(bad_field(json{{"lines", json::array({kLine})}}) == "to_zone");
  for (const json& zone : std::vector<json>{"", 1, std::string(129, 'z')}) {
    CHECK(bad_field(with(kQuery, "to_zone", zone)) == "to_zone");
  }
  for (const json& at : std::vector<json>{"now", "2026-03-01", "2026-03-01T10:00:00",
                                          "2026-02-30T10:00:00Z", 5, "", "1600-01-01T00:00:00Z"}) {
    CHECK(bad_field(with(kQuery, "at", at)) == "at");
  }
  for (const json& timeout : std::vector<json>{-1, 600001, 1.5, "1s"}) {
    CHECK(bad_field(with(kQuery, "timeout_ms", timeout)) == "timeout_ms");
  }
  for (const json& view : std::vector<json>{"", "a/b", "..", 1})
    CHECK(bad_field(with(kQuery, "view", view)) == "view");
  CHECK(bad_field(with(kQuery, "id", std::string(300, 'x'))) == "id");
  CHECK(bad_field(with(kQuery, "tozone", "z")) == "tozone");
}

TEST_CASE("AtLeastTakesSequencesAndTokens") {
  for (const json& position :
       std::vector<json>{-1, 1.0, nullptr, "5", "xyz:5", std::string(32, 'a') + ":",
                         std::string(32, 'a') + ":-1"}) {
    CHECK(bad_field(with(kQuery, "at_least", {{"catalog", position}})) == "at_least.catalog");
  }
  CHECK(bad_field(with(kQuery, "at_least", 5)) == "at_least");
  CHECK(bad_field(with(kQuery, "at_least", {{"No Name", 5}})) == "at_least");
  json many = json::object();
  for (int i = 0; i < 65; ++i) many["s" + std::to_string(i)] = i;
  CHECK(bad_field(with(kQuery, "at_least", many)) == "at_least");
  CHECK(bad_field("\x81\xa8"s
                  "at_least\x82\xa1"
                  "a\x01\xa1"
                  "a\x02") != "(none)");
}

TEST_CASE("HostileQueriesAreRefused") {
  const std::string whole = test::to_bytes(kQuery);
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK(bad_field(whole.substr(0, size)) == "");
  for (const std::string& bytes :
       {"\xc0"s, "\x90"s, "\xdf\xff\xff\xff\xff"s, "\x81\xa5lines\xdd\xff\xff\xff\xff"s,
        std::string(100000, '\x91')}) {
    CHECK(bad_field(bytes) == "");
  }
  CHECK(bad_field("\x81\xa5lines\xdc\x03\xe8"s + std::string(1000, '\xc0')) == "lines");
  CHECK(bad_field("\x81\x01\x02"s) != "(none)");
}

TEST_CASE("TheIdComesBackWithErrorsAndAnswersAlike") {
  const std::string id = test::to_bytes("q-1");
  CHECK(test::to_json(encode_error({"timeout", "too late", ""}, id)) ==
        json{{"id", "q-1"},
             {"error", {{"code", "timeout"}, {"message", "too late"}, {"field", nullptr}}}});
  CHECK(test::to_json(encode_answer({}, encode_as_of({}), id)).at("id") == "q-1");
  const std::string query = test::to_bytes(with(with(kQuery, "id", 9), "at", "bad"));
  CHECK(parse_query(query, kNow).id == "\x09");
}

TEST_CASE("AsOfTellsEachStreamsStateAndAge") {
  AsOf as_of;
  as_of["catalog"] = StreamAsOf{.state = "LIVE",
                                .start = Sequence{1},
                                .sequence = Sequence{18446744073709551615u},
                                .time = kNow,
                                .age_ms = 12,
                                .stale = false,
                                .lost = 3};
  as_of["inventory"] =
      StreamAsOf{.state = "FETCH", .start = {}, .sequence = {}, .time = {}, .age_ms = {}};
  CHECK(test::to_json(encode_answer({}, encode_as_of(as_of), {})).at("as_of") == json::parse(R"({
      "catalog": {"state": "LIVE", "start": 1, "sequence": 18446744073709551615, "time": "2026-03-02T09:00:00Z",
                  "age_ms": 12, "stale": false, "lost": 3},
      "inventory": {"state": "FETCH", "start": 0, "sequence": 0, "time": null, "age_ms": null, "stale": true,
                    "lost": 0}})"));
}

}  // namespace
}  // namespace forebay
