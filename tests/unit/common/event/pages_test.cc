// The worked examples of docs/protocol.md and docs/log-format.md, byte for byte.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/base/bytes.h"
#include "common/event/batch.h"
#include "common/event/event_codec.h"
#include "common/event/json_value.h"
#include "tests/support/batches.h"
#include "tests/support/worked_examples.h"

namespace forebay {
namespace {

using test::worked_example;

constexpr std::int64_t kNewYear2026 = 1'767'225'600'000'000'000;

std::string msgpack_of(std::string_view json) { return *msgpack_from_json(*parse_json(json)); }

std::vector<Event> example_events() {
  Event set{"stock.set", "sku-1", wall_from_unix_ns(kNewYear2026),
            msgpack_of(R"({"sku": "sku-1", "fc": "ams", "on_hand": 7})"), Attributes{{"id", "e1"}}};
  Event adjusted{"stock.adjusted",
                 "",
                 wall_from_unix_ns(kNewYear2026 + 500'000'000),
                 msgpack_of(R"({"sku": "sku-1", "fc": "ams", "delta": -1})"),
                 {}};
  return {set, adjusted};
}

std::string committed_example() {
  std::string batch = worked_example("protocol.md", "Two events as published");
  const std::string header =
      worked_example("protocol.md", "The same batch's header when committed");
  REQUIRE(header.size() == batch_layout::kHeaderBytes);
  return batch.replace(0, header.size(), header);
}

TEST_CASE("ThePublishedBatchIsAsOnThePage") {
  const std::string page = worked_example("protocol.md", "Two events as published");
  REQUIRE(page.size() == 241);
  BatchBuilder builder(*encode_attributes({{"source", "shop"}}));
  for (const Event& event : example_events()) {
    std::string encoded;
    REQUIRE(encode_event(event, WallTime{}, encoded).has_value());
    builder.append(encoded);
  }
  std::string batch = builder.finish();
  set_batch_origin(batch.data(), test::sample_origin());
  CHECK(to_hex(batch) == to_hex(page));
}

TEST_CASE("ThePublishedBatchOfThePageIsRead") {
  const std::string page = worked_example("protocol.md", "Two events as published");
  const auto batch = BatchView::parse(page);
  REQUIRE(batch.has_value());
  CHECK(batch->header().kind == BatchKind::kEvents);
  CHECK(batch->header().count == 2);
  CHECK(batch->header().origin.incarnation == test::sample_origin().incarnation);
  CHECK(batch->header().origin.producer == ProducerId{0x1122334455667788});
  CHECK(batch->header().origin.epoch == Epoch{1});
  CHECK(batch->header().origin.previous == ProducerSequence{0});
  CHECK(batch->header().origin.last == ProducerSequence{2});
  CHECK(batch->header().place.base == Sequence{0});
  CHECK(unix_ns(batch->header().place.commit_time) == 0);
  auto records = batch->events();
  for (const Event& event : example_events()) {
    const auto record = records.next();
    REQUIRE(record.has_value());
    const auto view = decode_event(*record, batch->shared());
    REQUIRE(view.has_value());
    CHECK(view->type == event.type);
    CHECK(view->subject == event.subject);
    CHECK(view->time == *event.time);
    CHECK(view->data == event.data);
    CHECK(view->text_attribute("source") == "shop");
  }
  CHECK_FALSE(records.next().has_value());
}

TEST_CASE("TheCommittedHeaderIsAsOnThePage") {
  std::string batch = worked_example("protocol.md", "Two events as published");
  const std::string page = committed_example();
  const auto view = BatchView::parse(page);
  REQUIRE(view.has_value());
  CHECK(view->header().first() == Sequence{1});
  CHECK(view->header().last() == Sequence{2});
  CHECK(view->header().next() == Sequence{3});
  const auto sum = set_batch_place(batch.data(), view->header().place);
  CHECK(to_hex(batch) == to_hex(page));
  CHECK(sum == view->header().checksum);
}

TEST_CASE("TheGapRecordIsAsOnThePage") {
  const std::string page = worked_example("protocol.md", "A **gap record**");
  const auto view = BatchView::parse(page);
  REQUIRE(view.has_value());
  CHECK(view->header().kind == BatchKind::kGap);
  CHECK(view->header().first() == Sequence{3});
  CHECK(view->header().last() == Sequence{5});
  CHECK(view->gap_reason() == "corruption");
  CHECK(view->header().place.previous_checksum ==
        parse_batch_header(committed_example())->checksum);
  std::string gap = make_gap_record(test::sample_origin().incarnation, 3, "corruption");
  set_batch_place(gap.data(), view->header().place);
  CHECK(to_hex(gap) == to_hex(page));
}

TEST_CASE("TheStoredRecordsOfTheLogPageEndInTheirChecksum") {
  const auto words = GENERATE("As it stands after the worked example's batch",
                              "**Producer record**", "**Consumer record**");
  const std::string record = worked_example("log-format.md", words);
  REQUIRE(record.size() > 8);
  const std::size_t end = record.size() - 8;
  CHECK(load_le<std::uint64_t>(record.data() + end) == checksum({record.data(), end}));
}

TEST_CASE("TheStreamRecordOfTheLogPageFollowsFromTheBatchOfTheProtocolPage") {
  const std::string record =
      worked_example("log-format.md", "As it stands after the worked example's batch");
  const std::string batch = committed_example();
  const auto header = parse_batch_header(batch);
  REQUIRE(header.has_value());
  REQUIRE(record.size() == 73);
  CHECK(record.substr(0, 16) == header->origin.incarnation.view());
  CHECK(load_le<std::uint64_t>(&record[16]) == header->next().value);
  CHECK(load_le<std::uint64_t>(&record[24]) == header->first().value);
  CHECK(load_le<std::int64_t>(&record[32]) == unix_ns(header->place.commit_time));
  CHECK(load_le<std::uint64_t>(&record[40]) == header->checksum);
  CHECK(load_le<std::uint64_t>(&record[48]) == batch.size());
}

}  // namespace
}  // namespace forebay
