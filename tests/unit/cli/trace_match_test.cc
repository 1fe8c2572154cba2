#include "cli/trace_match.h"

#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "common/event/event_codec.h"

namespace forebay {
namespace {

constexpr const char* kTrace = "0af7651916cd43dd8448eb211c80319c";
constexpr const char* kParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The third event of a batch of stream orders that begins at 15.
class Candidate {
 public:
  explicit Candidate(const Attributes& own, const Attributes& shared = {})
      : shared_(encode_attributes(shared).value()) {
    REQUIRE(encode_event({.type = "order.placed", .attributes = own}, WallTime{}, encoded_));
    batch_.origin.incarnation.bytes.fill(7);
    batch_.origin.producer = ProducerId{0xfedc'ba98'7654'3210};
    batch_.origin.last = ProducerSequence{40};
    batch_.place.base = Sequence{15};
    batch_.count = 4;
  }
  [[nodiscard]] bool found_by(const std::string& text) const {
    const Sought sought = Sought::of(text).value();
    const bool is = sought.is("orders", batch_, 2, *decode_event(encoded_, shared_));
    // What is passed over unseen is never one of them.
    if (is) CHECK(sought.may_be("orders", batch_, 2, shared_, encoded_));
    return is;
  }

  BatchHeader batch_;
  std::string shared_, encoded_;
};

TEST_CASE("AnEventIsFoundByItsIdCorrelationCausationAndTrace") {
  const Candidate event(
      Attributes{{"id", "o-2"}, {"causationid", "o-1"}, {"traceparent", kParent}, {"other", "x-1"}},
      {{"correlationid", "c-1"}});
  for (const char* text : {"o-2", "o-1", "c-1", kTrace, kParent}) CHECK(event.found_by(text));
  for (const char* text : {"o", "o-22", "x-1", "order.placed", "b7ad6b7169203331"})
    CHECK_FALSE(event.found_by(text));
}

TEST_CASE("AnotherSpanOfTheTraceIsFoundByTheWholeTraceparent") {
  CHECK(Candidate(Attributes{{"traceparent", kParent}})
            .found_by("00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-00"));
}

TEST_CASE("IdsThatAreNumbersAreFoundAsTheyArePrinted") {
  const Candidate event(Attributes{{"correlationid", std::int64_t{-4711}}});
  CHECK(event.found_by("-4711"));
  CHECK_FALSE(event.found_by("4711"));
  CHECK_FALSE(event.found_by("-04711"));
}

TEST_CASE("AnEventWithoutAnIdIsFoundByTheOneItIsPrintedWith") {
  const Candidate event(Attributes{});
  const std::string id = derived_event_id(event.batch_, 2);
  CHECK(event.found_by(id));
  CHECK_FALSE(event.found_by(derived_event_id(event.batch_, 1)));
  CHECK_FALSE(event.found_by(id + "0"));
  CHECK_FALSE(Candidate(Attributes{{"id", "its own"}}).found_by(id));
}

TEST_CASE("AnEventIsFoundByItsPosition") {
  const Candidate event(Attributes{{"id", "o-2"}});
  CHECK(event.found_by("orders:17"));
  CHECK_FALSE(event.found_by("orders:16"));
  CHECK_FALSE(event.found_by("order:17"));
  const Position here{event.batch_.origin.incarnation, Sequence{17}};
  CHECK(event.found_by(here.token()));
  CHECK_FALSE(event.found_by(Position{here.incarnation, Sequence{18}}.token()));
  CHECK_FALSE(event.found_by(Position{Incarnation{}, Sequence{17}}.token()));
  CHECK(Candidate(Attributes{{"causationid", "stock:3"}}).found_by("stock:3"));
}

TEST_CASE("OnlyAWellFormedTraceparentHasATrace") {
  CHECK(trace_id_of(kParent) == kTrace);
  const std::string parent = kParent;
  CHECK(trace_id_of("cc" + parent.substr(2) + "-and.more") == kTrace);  // of a later version
  const auto with = [&](std::size_t at, const std::string& text) {
    return std::string(parent).replace(at, text.size(), text);
  };
  for (const std::string& wrong :
       {std::string(), parent.substr(1), parent + "-more", with(0, "ff"), with(0, "0x"),
        with(2, "_"), with(3, "0AF7"), with(3, std::string(32, '0')),
        with(36, std::string(16, '0')), with(35, "0"), with(52, "0"), with(53, "zz"),
        "cc" + parent.substr(2) + "more"})
    CHECK_FALSE(trace_id_of(wrong));
  const std::string malformed = with(3, "0AF7");
  CHECK_FALSE(Candidate(Attributes{{"traceparent", malformed}}).found_by(malformed.substr(3, 32)));
  CHECK_FALSE(Candidate(Attributes{{"traceparent", malformed}}).found_by(malformed));
}

TEST_CASE("WhatNoAttributeCanBeIsNoId") {
  CHECK(Sought::of("").error().code == ErrorCode::kBadInput);
  CHECK(Sought::of(std::string(limits::kAttributeBytesMax, 'x')));
  CHECK(Sought::of(std::string(limits::kAttributeBytesMax + 1, 'x')).error().code ==
        ErrorCode::kBadInput);
}

TEST_CASE("MostEventsArePassedOverUnseen") {
  const Candidate event(Attributes{{"id", "o-2"}});
  CHECK_FALSE(
      Sought::of("o-3").value().may_be("orders", event.batch_, 2, event.shared_, event.encoded_));
}

}  // namespace
}  // namespace forebay
