#include "cli/trace_search.h"

#include <catch2/catch.hpp>

namespace forebay {
namespace {

const WallTime kNow = *from_rfc3339("2026-03-01T12:00:00Z");

TEST_CASE("ATraceGoesBackByTimesByHowLongAgoOrToTheStart") {
  const auto ago = trace_range("90m", "2026-03-01T11:00:00+01:00", kNow);
  REQUIRE_FALSE(ago);  // ends before it begins
  const auto range = trace_range("2h", "30m", kNow).value();
  CHECK(range.from == "2026-03-01T10:00:00Z");
  CHECK(range.to == "2026-03-01T11:30:00Z");
  CHECK(range.from_time == kNow - std::chrono::hours(2));
  const auto all = trace_range("start", "end", kNow).value();
  CHECK(all.from == "start");
  CHECK(all.to == "end");
  CHECK_FALSE(all.from_time);
  CHECK(trace_range("start", "1d", kNow));
}

TEST_CASE("WhatIsNoMomentOfATraceIsRefusedAndSaidWhere") {
  for (const char* wrong : {"", "17", "yesterday", "-1h", "1", "100001d", "2026-03-01",
                            "37de31d82e2089003118423e94d83f54:4999"}) {
    CHECK(trace_range(wrong, "end", kNow).error().message.starts_with("--from"));
    CHECK(trace_range("start", wrong, kNow).error().message.starts_with("--to"));
  }
  for (const auto& [from, to] : {std::pair("1h", "2h"), std::pair("1h", "1h"),
                                 std::pair("end", "1h"), std::pair("1h", "start")})
    CHECK(trace_range(from, to, kNow).error().code == ErrorCode::kBadInput);
}

}  // namespace
}  // namespace forebay
