#include "common/event/batch.h"

#include <rapidcheck/catch.h>

#include <catch2/catch.hpp>
#include <limits>

#include "common/base/limits.h"
#include "tests/support/batches.h"

namespace forebay {
namespace {

using namespace std::string_literals;
using test::published_batch;

std::vector<std::string> records_of(const BatchView& batch) {
  std::vector<std::string> records;
  EventRecords events = batch.events();
  while (const auto record = events.next()) records.emplace_back(*record);
  return records;
}

TEST_CASE("EveryHeaderFieldRoundTrips") {
  rc::prop("origin and place come back", [] {
    BatchOrigin origin;
    for (char& byte : origin.incarnation.bytes) byte = *rc::gen::arbitrary<char>();
    origin.producer.value = *rc::gen::arbitrary<std::uint64_t>();
    origin.epoch.value = *rc::gen::arbitrary<std::uint32_t>();
    origin.previous.value = *rc::gen::inRange<std::uint64_t>(0, UINT64_MAX);
    origin.last.value = origin.previous.value + 1;
    BatchPlace place{Sequence{*rc::gen::inRange<std::uint64_t>(0, UINT64_MAX - 4096)},
                     wall_from_unix_ns(*rc::gen::arbitrary<std::int64_t>()),
                     *rc::gen::arbitrary<std::uint64_t>()};
    const auto records = *rc::gen::nonEmpty<std::vector<std::string>>();
    const auto shared = *rc::gen::arbitrary<std::string>();

    std::string bytes = published_batch(records, shared, origin);
    const auto sum = set_batch_place(bytes.data(), place);
    const auto batch = BatchView::parse(bytes);
    RC_ASSERT(batch.has_value());
    const BatchHeader& header = batch->header();
    RC_ASSERT(header.kind == BatchKind::kEvents);
    RC_ASSERT(header.origin.incarnation == origin.incarnation);
    RC_ASSERT(header.origin.producer == origin.producer);
    RC_ASSERT(header.origin.epoch == origin.epoch);
    RC_ASSERT(header.origin.previous == origin.previous);
    RC_ASSERT(header.origin.last == origin.last);
    RC_ASSERT(header.place.base == place.base);
    RC_ASSERT(header.place.commit_time == place.commit_time);
    RC_ASSERT(header.place.previous_checksum == place.previous_checksum);
    RC_ASSERT(header.count == records.size());
    RC_ASSERT(header.checksum == sum);
    RC_ASSERT(batch_bytes(header) == bytes.size());
    RC_ASSERT(batch->shared() == shared);
    RC_ASSERT(batch->bytes().data() == bytes.data());
    RC_ASSERT(records_of(*batch) == records);
  });
}

TEST_CASE("PlacingABatchLeavesItsPayloadAndPayloadChecksumAlone") {
  const std::string before = published_batch({"one", "two"});
  std::string after = before;
  set_batch_place(after.data(), {Sequence{9}, wall_from_unix_ns(5), 7});
  using namespace batch_layout;
  CHECK(after.substr(kHeaderBytes) == before.substr(kHeaderBytes));
  CHECK(after.substr(0, kBaseSequenceAt) == before.substr(0, kBaseSequenceAt));
  CHECK(after.substr(kPayloadChecksumAt, 8) == before.substr(kPayloadChecksumAt, 8));
}

TEST_CASE("ABatchNamesTheSequencesItHolds") {
  std::string bytes = published_batch({"a", "b", "c"});
  set_batch_place(bytes.data(), {Sequence{10}, WallTime{}, 0});
  const auto header = parse_batch_header(bytes);
  REQUIRE(header.has_value());
  CHECK(header->first() == Sequence{10});
  CHECK(header->last() == Sequence{12});
  CHECK(header->next() == Sequence{13});
}

TEST_CASE("AHeaderIsReadWithoutItsPayload") {
  const std::string bytes = published_batch({"a"});
  const auto header = parse_batch_header(std::string_view(bytes).substr(0, 104));
  REQUIRE(header.has_value());
  CHECK(batch_bytes(*header) == bytes.size());
}

TEST_CASE("AGapRecordNamesItsReasonAndSequencesAndHasNoEvents") {
  const auto count = GENERATE(std::uint64_t{1}, std::uint64_t{4097}, std::uint64_t{1} << 40,
                              std::numeric_limits<std::uint64_t>::max() - 1);
  const auto reason = GENERATE(""s, "corruption"s, std::string(1000, 'r'));
  std::string bytes = make_gap_record(test::sample_origin().incarnation, count, reason);
  set_batch_place(bytes.data(), {Sequence{1}, WallTime{}, 0});
  const auto gap = BatchView::parse(bytes);
  REQUIRE(gap.has_value());
  CHECK(gap->header().kind == BatchKind::kGap);
  CHECK(gap->header().count == count);
  CHECK(gap->header().next() == Sequence{count + 1});
  CHECK(gap->header().origin.producer == ProducerId{0});
  CHECK(gap->gap_reason() == reason);
  CHECK_FALSE(gap->events().next().has_value());
}

TEST_CASE("ABatchOfEventsHasNoGapReason") {
  CHECK(BatchView::parse(published_batch({"a"}, "\x81\xa6reason\xa1x"))->gap_reason().empty());
}

TEST_CASE("AGapRecordWhoseReasonIsUnreadableIsStillAGap") {
  const auto map = GENERATE("\x80"s, "\x81\xa6reason\x01"s, "\xc1"s, ""s, "\xdf\xff\xff\xff\xff"s);
  std::string bytes = make_gap_record(test::sample_origin().incarnation, 3, "");
  bytes.resize(batch_layout::kHeaderBytes);
  append_le(bytes, static_cast<std::uint32_t>(map.size()));
  bytes += map;
  test::reseal(bytes);
  const auto gap = BatchView::parse(bytes);
  REQUIRE(gap.has_value());
  CHECK(gap->gap_reason() == "unknown");
}

TEST_CASE("AnEventWithoutAnIdIsNamedByItsProducer") {
  BatchHeader header;
  header.origin.producer.value = 0x1122334455667788;
  header.origin.last.value = 2;
  CHECK(derived_event_id(header, 0) == "1122334455667788-2-0");
  CHECK(derived_event_id(header, 4095) == "1122334455667788-2-4095");
  header.origin.producer.value = 1;
  header.origin.last.value = UINT64_MAX;
  CHECK(derived_event_id(header, UINT64_MAX) ==
        "0000000000000001-18446744073709551615-18446744073709551615");
}

TEST_CASE("ABatchClosesAtItsMostEvents") {
  BatchBuilder builder("\x80");
  while (builder.fits(1)) builder.append("x");
  CHECK(builder.count() == limits::kBatchEventsMax);
  std::string bytes = builder.finish();
  set_batch_origin(bytes.data(), test::sample_origin());
  CHECK(BatchView::parse(bytes)->header().count == limits::kBatchEventsMax);
}

TEST_CASE("ABatchClosesAtItsTargetSize") {
  BatchBuilder builder("\x80");
  const std::string event(1000, 'x');
  while (builder.fits(event.size())) builder.append(event);
  const std::size_t payload = builder.bytes() - batch_layout::kHeaderBytes;
  CHECK(payload <= limits::kBatchPayloadBytesTarget);
  CHECK(payload + 4 + event.size() > limits::kBatchPayloadBytesTarget);
  // To the byte: what fills the target exactly still fits.
  CHECK(builder.fits(limits::kBatchPayloadBytesTarget - payload - 4));
  CHECK_FALSE(builder.fits(limits::kBatchPayloadBytesTarget - payload - 3));
}

TEST_CASE("AnEventAboveTheTargetTravelsAlone") {
  BatchBuilder builder(std::string(limits::kSharedBytesMax, 's'));
  const std::string largest(limits::kEventBytesMax, 'x');
  REQUIRE(builder.fits(largest.size()));
  builder.append(largest);
  CHECK_FALSE(builder.fits(1));
  std::string bytes = builder.finish();
  set_batch_origin(bytes.data(), test::sample_origin());
  const auto batch = BatchView::parse(bytes);
  REQUIRE(batch.has_value());
  CHECK(records_of(*batch) == std::vector{largest});

  builder.append("small");
  CHECK_FALSE(builder.fits(largest.size()));
}

TEST_CASE("ABuilderStartsOverAfterItsBatch") {
  BatchBuilder builder("\x80");
  builder.append("first");
  std::string first = builder.finish();
  CHECK(builder.empty());
  CHECK(builder.count() == 0);
  builder.append("second");
  std::string second = builder.finish();
  set_batch_origin(first.data(), test::sample_origin());
  set_batch_origin(second.data(), test::sample_origin());
  CHECK(records_of(*BatchView::parse(first)) == std::vector{"first"s});
  CHECK(records_of(*BatchView::parse(second)) == std::vector{"second"s});
  CHECK(BatchView::parse(second)->shared() == "\x80");
}

}  // namespace
}  // namespace forebay
