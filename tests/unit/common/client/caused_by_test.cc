#include "common/client/caused_by.h"

#include <catch2/catch.hpp>

#include "common/event/batch.h"
#include "common/event/event_codec.h"

namespace forebay {
namespace {

constexpr const char* kParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// An event of these attributes, some of which its batch's events share, as a handler gets it.
class Cause {
 public:
  explicit Cause(const Attributes& own, const Attributes& shared = {})
      : shared_(encode_attributes(shared).value()) {
    REQUIRE(encode_event({.type = "order.placed", .attributes = own}, WallTime{}, encoded_));
  }
  [[nodiscard]] Attributes caused() const {
    return caused_by(*decode_event(encoded_, shared_), context_);
  }

  EventContext context_{"orders",       Sequence{17},         WallTime{}, false,
                        ProducerId{18}, ProducerSequence{19}, 3};

 private:
  std::string encoded_, shared_;
};

TEST_CASE("AnEventWithoutCorrelationBeginsOneWithItsId") {
  CHECK(Cause(Attributes{{"id", "o-1"}}).caused() ==
        Attributes{{"causationid", "o-1"}, {"correlationid", "o-1"}});
}

TEST_CASE("CorrelationAndTraceGoOnWhereverTheyStand") {
  const Attributes own{{"id", "o-2"}, {"traceparent", kParent}, {"causationid", "o-1"}};
  CHECK(Cause(own, {{"correlationid", std::int64_t{7}}, {"tracestate", "a=b"}}).caused() ==
        Attributes{{"causationid", "o-2"},
                   {"correlationid", std::int64_t{7}},
                   {"traceparent", kParent},
                   {"tracestate", "a=b"}});
  CHECK(Cause(Attributes{{"id", "o-2"}, {"traceparent", "not one"}}).caused().at("traceparent") ==
        AttributeValue("not one"));
}

TEST_CASE("AnEventWithoutAnIdIsNamedAsEveryReaderHasIt") {
  const Cause cause(Attributes{});
  BatchHeader batch;
  batch.origin.producer = cause.context_.producer;
  batch.origin.last = cause.context_.producer_sequence;
  const std::string id = derived_event_id(batch, cause.context_.index);
  CHECK(cause.caused() == Attributes{{"causationid", id}, {"correlationid", id}});
}

}  // namespace
}  // namespace forebay
