#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "tests/support/ingest_fixture.h"

namespace forebay {
namespace {

using test::IngestFixture;
using test::kMine;
using test::kPeer;
using test::kTheirs;

TEST_CASE("AProducerThatIsGoneIsForgottenAndBeginsAnew") {
  IngestFixture f;
  const auto old = f.registered(kMine, "wms");
  f.send(old, 0, 3);
  f.commit();
  static_cast<void>(f.ingest.take_outgoing());
  f.ingest.on_forget(kPeer, {"a", old.producer});
  CHECK(f.refusal() == ErrorCode::kUnavailable);
  f.clock.advance(limits::kProducerSilent);
  f.ingest.on_forget(kPeer, {"b", old.producer});
  CHECK(f.refusal() == ErrorCode::kNotFound);
  f.ingest.on_forget(kPeer, {"a", old.producer});
  CHECK_FALSE(f.refusal());
  // Until that is on disk it is neither there nor another one.
  f.ingest.on_keepalive(kPeer, {{old.producer, old.epoch, kMine}});
  CHECK(f.refusal() == ErrorCode::kUnregistered);
  f.ingest.on_register(kPeer, {"a", kTheirs, "wms", 0, {}});
  CHECK(f.refusal() == ErrorCode::kUnavailable);
  f.ingest.on_forget(kPeer, {"a", old.producer});
  CHECK(f.refusal() == ErrorCode::kUnavailable);  // sent again: the first will be answered
  f.send(old, 3, 4);
  f.commit();
  CHECK(f.ingest.producers().empty());
  CHECK(f.stored.empty());
  const auto fresh = f.registered(kTheirs, "wms");
  CHECK(fresh.producer != old.producer);
  CHECK(fresh.position == ProducerSequence{0});
}

TEST_CASE("AProducerThatSaidGoodbyeIsForgottenAtOnceButNotOneWithABatchUnderWay") {
  IngestFixture f;
  const auto gone = f.registered(kMine, "wms");
  f.send(gone, 0, 3);
  f.clock.advance(limits::kProducerSilent);
  static_cast<void>(f.ingest.take_outgoing());
  f.ingest.on_forget(kPeer, {"a", gone.producer});
  CHECK(f.refusal() == ErrorCode::kUnavailable);
  f.send(gone, 3, 4);
  f.commit();
  static_cast<void>(f.ingest.take_outgoing());
  f.ingest.on_goodbye({{gone.producer, gone.epoch, kMine}});
  f.ingest.on_forget(kPeer, {"a", gone.producer});
  CHECK_FALSE(f.refusal());
  f.commit();
  CHECK(f.ingest.producers().empty());
}

TEST_CASE("AProducerThatIsNotForgottenAfterAllGoesOn") {
  IngestFixture f;
  const auto old = f.registered(kMine, "wms");
  f.clock.advance(limits::kProducerSilent);
  f.ingest.on_forget(kPeer, {"a", old.producer});
  CommitOutcome outcome;
  outcome.full = true;
  f.ingest.on_outcome(outcome);
  CHECK(f.refusal() == ErrorCode::kFull);
  f.ingest.on_keepalive(kPeer, {{old.producer, old.epoch, kMine}});
  CHECK_FALSE(f.refusal());
  CHECK(f.ingest.producers().size() == 1);
}

}  // namespace
}  // namespace forebay
