#include "sidecar/log/records.h"

#include <catch2/catch.hpp>

#include "common/base/bytes.h"
#include "tests/support/made_batches.h"

namespace forebay {
namespace {

using test::id_of;

const auto kGrandparent = id_of<Incarnation>('1'), kParent = id_of<Incarnation>('2'),
           kSelf = id_of<Incarnation>('3'), kStranger = id_of<Incarnation>('x');

StreamRecord record_of(std::vector<StreamRecord::Ancestor> ancestors) {
  StreamRecord record;
  record.incarnation = kSelf;
  record.next = record.oldest = Sequence{9001};
  record.ancestors = std::move(ancestors);
  return record;
}

TEST_CASE("AStreamsRecordComesBackWithItsAncestors") {
  const StreamRecord record = record_of({{kGrandparent, {3000}}, {kParent, {6000}}});
  const std::string bytes = encode_record(record);
  const auto back = decode_stream_record(bytes);
  REQUIRE(back.has_value());
  CHECK(back->ancestors == record.ancestors);
  CHECK(encode_record(*back) == bytes);
}

TEST_CASE("AConsumersRecordComesBackAsItWas") {
  const ConsumerRecord record{kSelf, {1}, {2}, 3, 4, wall_from_unix_ns(5), GENERATE(false, true)};
  const std::string bytes = encode_record(record);
  const auto back = decode_consumer_record(bytes);
  REQUIRE(back.has_value());
  CHECK(back->rolled_back == record.rolled_back);
  CHECK(load_le<std::uint64_t>(bytes.data() + 56) == (record.rolled_back ? 2 : 0));  // 1 meant less
  CHECK(encode_record(*back) == bytes);
}

TEST_CASE("ALogThatBeganByItselfSharesNothing") {
  const StreamRecord record = record_of({});
  CHECK(record.shared_with(kStranger, false) == Sequence{0});
  CHECK(record.shared_with(kSelf, true) == Sequence{0});  // who knows to where
}

TEST_CASE("ALogSharesWithEachAncestorWhatAllSinceHaveShared") {
  const StreamRecord grew = record_of({{kGrandparent, {3000}}, {kParent, {6000}}});
  CHECK(grew.shared_with(kParent, false) == Sequence{6000});
  CHECK(grew.shared_with(kGrandparent, false) == Sequence{3000});
  CHECK(grew.shared_with(kStranger, false) == Sequence{0});
  const StreamRecord shrank = record_of({{kGrandparent, {6000}}, {kParent, {3000}}});
  CHECK(shrank.shared_with(kGrandparent, false) == Sequence{3000});
}

TEST_CASE("WithAnAncestorThatWasRolledBackALogSharesNoMoreThanWhatThatOneBeganWith") {
  const StreamRecord grew = record_of({{kGrandparent, {3000}}, {kParent, {6000}}});
  CHECK(grew.shared_with(kSelf, true) == Sequence{6000});
  CHECK(grew.shared_with(kParent, true) == Sequence{3000});
  CHECK(grew.shared_with(kGrandparent, true) == Sequence{0});
  CHECK(grew.shared_with(kStranger, true) == Sequence{0});
  const StreamRecord shrank = record_of({{kGrandparent, {6000}}, {kParent, {3000}}});
  CHECK(shrank.shared_with(kParent, true) == Sequence{3000});
}

TEST_CASE("WhatWasReadOfAnotherLogIsReadOfThisOneUpToWhereTheyParted") {
  const StreamRecord record = record_of({{kParent, {6000}}});
  const auto read = [&](const Incarnation& of, std::uint64_t cursor, bool rolled_back) {
    return record.read_by({of, {}, {cursor}, 0, 0, {}, rolled_back}).value;
  };
  CHECK(read(kSelf, 8000, false) == 8000);
  CHECK(read(kSelf, 8000, true) == 6000);
  CHECK(read(kParent, 8000, false) == 6000);
  CHECK(read(kParent, 8000, true) == 0);
  CHECK(read(kParent, 50, false) == 50);
  CHECK(read(kStranger, 8000, false) == 0);
}

}  // namespace
}  // namespace forebay
