// What is no sound batch is refused, and with which code.
#include <rapidcheck/catch.h>

#include <catch2/catch.hpp>
#include <limits>

#include "common/base/limits.h"
#include "common/event/batch.h"
#include "common/event/event_codec.h"
#include "tests/support/batches.h"
#include "tests/support/worked_examples.h"

namespace forebay {
namespace {

using namespace batch_layout;
using namespace std::string_literals;
using test::published_batch;
using test::with_field;

std::optional<ErrorCode> refusal(std::string_view bytes) {
  const auto batch = BatchView::parse(bytes);
  if (batch) return std::nullopt;
  CHECK_FALSE(batch.error().message.empty());
  return batch.error().code;
}

std::string page_example() {
  return test::worked_example("protocol.md", "Two events as published");
}

/// A batch of `count` events whose payload, after the header, is `payload`.
std::string sealed(std::string_view payload, std::uint64_t count = 1) {
  std::string batch = published_batch({"x"});
  batch.resize(kHeaderBytes);
  batch.append(payload);
  test::reseal(batch);
  return with_field(batch, kCountAt, count);
}

std::string record(std::string_view bytes) {
  std::string out;
  append_le(out, static_cast<std::uint32_t>(bytes.size()));
  return out.append(bytes);
}

TEST_CASE("AFlippedBitAnywhereIsSeen") {
  const std::string sound = page_example();
  REQUIRE_FALSE(refusal(sound).has_value());
  for (std::size_t at = 0; at < sound.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = sound;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      INFO("byte " << at << " bit " << bit);
      CHECK(refusal(damaged) == (at == kVersionAt ? ErrorCode::kVersion : ErrorCode::kCorruption));
    }
  }
}

TEST_CASE("ABatchCutShortOrExtendedIsRefused") {
  const std::string sound = page_example();
  for (std::size_t size = 0; size < sound.size(); ++size) {
    INFO("cut at " << size);
    CHECK(refusal(std::string_view(sound).substr(0, size)) == ErrorCode::kCorruption);
  }
  CHECK(refusal(sound + '\0') == ErrorCode::kCorruption);
  CHECK(refusal(sound + sound) == ErrorCode::kCorruption);
}

TEST_CASE("AForeignMagicIsRefused") {
  CHECK(refusal(with_field(page_example(), 0, std::uint32_t{0x4e434246})) ==
        ErrorCode::kCorruption);
}

TEST_CASE("AnotherVersionIsToldApart") {
  const auto version = GENERATE(std::uint8_t{0}, std::uint8_t{2}, std::uint8_t{255});
  const auto batch = BatchView::parse(with_field(page_example(), kVersionAt, version));
  REQUIRE_FALSE(batch.has_value());
  CHECK(batch.error().code == ErrorCode::kVersion);
  CHECK(batch.error().message.find(std::to_string(version)) != std::string::npos);
}

TEST_CASE("AnUnknownKindIsRefused") {
  const auto kind = GENERATE(std::uint8_t{0}, std::uint8_t{3}, std::uint8_t{255});
  CHECK(refusal(with_field(page_example(), kKindAt, kind)) == ErrorCode::kCorruption);
}

TEST_CASE("ACountThatIsNotThatOfTheEventsIsRefused") {
  const auto count = GENERATE(std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3},
                              std::uint64_t{4096}, std::uint64_t{4097}, UINT64_MAX);
  CHECK(refusal(with_field(page_example(), kCountAt, count)) == ErrorCode::kCorruption);
}

TEST_CASE("MoreEventsThanABatchMayHaveAreRefused") {
  const std::string most(limits::kBatchEventsMax * 4, '\0');  // empty records
  CHECK_FALSE(refusal(sealed(record("\x80") + most, limits::kBatchEventsMax)).has_value());
  CHECK(refusal(sealed(record("\x80") + most + record(""), limits::kBatchEventsMax + 1)) ==
        ErrorCode::kCorruption);
}

TEST_CASE("RecordLengthsThatDoNotUseUpThePayloadAreRefused") {
  const auto payload =
      GENERATE(""s,                                              // not even shared attributes
               "\x01\0\0"s, "\x01\0\0\0"s, "\xff\xff\xff\xff"s,  // their length overruns
               record("\x80"),                                   // no event
               record("\x80") + "\x01\0\0"s,                     // cut in a length
               record("\x80") + "\x02\0\0\0x"s,                  // one byte short
               record("\x80") + "\xff\xff\xff\xffx"s, record("\x80") + "\x01\0\0\x80x"s,
               record("\x80") + record("x") + "y"s,          // a byte left over
               record("\x80") + record("x") + record("y"));  // an event left over
  INFO(to_hex(payload));
  CHECK(refusal(sealed(payload)) == ErrorCode::kCorruption);
}

TEST_CASE("RecordsAboveTheirLimitAreRefused") {
  CHECK_FALSE(refusal(sealed(record(std::string(limits::kSharedBytesMax, 's')) +
                             record(std::string(limits::kEventBytesMax, 'x'))))
                  .has_value());
  CHECK(refusal(sealed(record(std::string(limits::kSharedBytesMax + 1, 's')) + record("x"))) ==
        ErrorCode::kCorruption);
  CHECK(refusal(sealed(record("\x80") + record(std::string(limits::kEventBytesMax + 1, 'x')))) ==
        ErrorCode::kCorruption);
}

TEST_CASE("APayloadAboveItsLimitIsRefusedByTheHeaderAlone") {
  const auto above = static_cast<std::uint32_t>(limits::kBatchPayloadBytesMax + 1);
  const std::string batch = with_field(page_example(), kPayloadBytesAt, above);
  CHECK(parse_batch_header(batch).error().code == ErrorCode::kCorruption);
  CHECK(parse_batch_header(with_field(page_example(), kPayloadBytesAt, UINT32_MAX)).error().code ==
        ErrorCode::kCorruption);
  CHECK(parse_batch_header(with_field(page_example(), kPayloadBytesAt, above - 1)).has_value());
}

TEST_CASE("AProducerSequenceThatDoesNotRiseIsRefused") {
  CHECK(refusal(with_field(page_example(), kPreviousProducerSequenceAt, std::uint64_t{2})) ==
        ErrorCode::kCorruption);
  CHECK(refusal(with_field(page_example(), kPreviousProducerSequenceAt, UINT64_MAX)) ==
        ErrorCode::kCorruption);
}

TEST_CASE("SequencesThatOverflowAreRefused") {
  CHECK(refusal(with_field(page_example(), kBaseSequenceAt, UINT64_MAX)) == ErrorCode::kCorruption);
  CHECK(refusal(with_field(page_example(), kBaseSequenceAt, UINT64_MAX - 1)) ==
        ErrorCode::kCorruption);
  CHECK_FALSE(refusal(with_field(page_example(), kBaseSequenceAt, UINT64_MAX - 2)).has_value());
}

TEST_CASE("AGapRecordOfNothingOrWithEventsIsRefused") {
  const std::string gap = make_gap_record(Incarnation{}, 3, "corruption");
  CHECK_FALSE(refusal(gap).has_value());
  CHECK(refusal(with_field(gap, kCountAt, std::uint64_t{0})) == ErrorCode::kCorruption);
  std::string with_event = gap + record("x");
  test::reseal(with_event);
  CHECK(refusal(with_event) == ErrorCode::kCorruption);
}

TEST_CASE("RandomBytesAreNoBatch") {
  rc::prop("neither as they are nor behind a magic", [](const std::string& bytes) {
    RC_ASSERT(!BatchView::parse(bytes).has_value());
    RC_ASSERT(!BatchView::parse("FBAT\x01\x01"s + bytes).has_value());
  });
}

TEST_CASE("AMutatedBatchIsSoundOnlyIfNothingChanged") {
  const std::string sound = page_example();
  rc::prop("bytes overwritten, cut and inserted", [&] {
    std::string mutated = sound;
    for (int edits = *rc::gen::inRange(1, 6); edits > 0; --edits) {
      const auto at = *rc::gen::inRange<std::size_t>(0, mutated.size());
      const auto some =
          *rc::gen::container<std::string>(*rc::gen::inRange(0, 9), rc::gen::arbitrary<char>());
      mutated.replace(at, *rc::gen::inRange<std::size_t>(0, 9), some);
    }
    RC_ASSERT(BatchView::parse(mutated).has_value() == (mutated == sound));
  });
}

TEST_CASE("WhatPassesTheChecksumsIsStillWalkedSafely") {
  const std::string sound = page_example();
  rc::prop("a resealed payload parses to as many events as it says, or not at all", [&] {
    std::string mutated = sound;
    for (int edits = *rc::gen::inRange(1, 6); edits > 0; --edits) {
      const auto at = *rc::gen::inRange<std::size_t>(kHeaderBytes, mutated.size());
      mutated[at] = *rc::gen::arbitrary<char>();
    }
    test::reseal(mutated);
    const auto batch = BatchView::parse(mutated);
    if (!batch) return;
    std::uint64_t events = 0;
    EventRecords records = batch->events();
    while (const auto encoded = records.next()) {
      ++events;
      const auto event = decode_event(*encoded, batch->shared());
      if (event) static_cast<void>(event->all_attributes());
    }
    RC_ASSERT(events == batch->header().count);
  });
}

}  // namespace
}  // namespace forebay
