#include "common/wire/records_frame.h"

#include <catch2/catch.hpp>
#include <limits>

namespace forebay {
namespace {

std::string sample_frame() {
  std::string frame;
  append_record(frame, {"stream/orders", std::string("\0value", 6)});
  append_record(frame, {"clock", ""});
  return frame;
}

TEST_CASE("RecordsComeBackAsTheyWereAppended") {
  const std::string frame = sample_frame();
  const auto records = parse_records(frame, 2).value();
  REQUIRE(records.size() == 2);
  CHECK(records[0].key == "stream/orders");
  CHECK(records[0].value == std::string("\0value", 6));
  CHECK(records[1].key == "clock");
  CHECK(records[1].value.empty());
  CHECK(parse_records("", 0)->empty());
}

TEST_CASE("AFrameOfAnotherSizeThanItsRecordsIsCorruption") {
  const std::string frame = sample_frame();
  for (std::size_t size = 0; size < frame.size(); ++size) {
    INFO(size);
    CHECK(parse_records(frame.substr(0, size), 2).error().code == ErrorCode::kCorruption);
  }
  // Regression: what followed the last record was passed over.
  CHECK(parse_records(frame, 1).error().code == ErrorCode::kCorruption);
  CHECK(parse_records(frame + "x", 2).error().code == ErrorCode::kCorruption);
  CHECK(parse_records(frame, std::numeric_limits<std::uint64_t>::max()).error().code ==
        ErrorCode::kCorruption);
}

}  // namespace
}  // namespace forebay
