#include "sidecar/access.h"

#include <catch2/catch.hpp>

#include "common/wire/transport.h"

namespace forebay {
namespace {

Topology made() {
  Topology topology;
  topology.sidecars = {{"near", "a", {{"orders", {}}, {"payments", {}}}, {}},
                       {"far", "b", {{"stock", {}}}, {}}};
  Node audit;
  audit.name = "audit";
  audit.subscribes = {{"orders", {}}, {"stock", {}}};
  Node other;
  other.name = "other";
  other.subscribes = {{"stock", {}}};
  topology.nodes = {audit, other};
  topology.operators = {{"alice", {}}};
  return topology;
}

struct AccessFixture {
  /// What the refusal says; empty if it is none.
  std::string asked(std::string_view user, const Request& request) const {
    const auto checked = access.check(user, request);
    if (checked) return "";
    CHECK(checked.error().code == ErrorCode::kForbidden);
    CHECK(checked.error().message.starts_with("'" + std::string(user) + "' "));
    return checked.error().message;
  }
  static Fetch fetch(const std::string& stream) { return {stream, {}, {1}, {}, 0, 0}; }
  static Subscribe subscribe(const std::string& stream, const std::string& consumer) {
    Subscribe request;
    request.stream = stream;
    request.consumer = consumer;
    return request;
  }
  Topology topology = made();
  Access access{topology, topology.sidecars[0]};
};

TEST_CASE("ANodeReadsWhatItSubscribesToUnderItsOwnName") {
  const AccessFixture f;
  CHECK(f.asked("audit", AccessFixture::fetch("orders")).empty());
  CHECK(f.asked("audit", AccessFixture::subscribe("orders", "audit")).empty());
  CHECK(f.asked("audit", AccessFixture::fetch("payments")).find("only orders") !=
        std::string::npos);
  CHECK_FALSE(f.asked("audit", AccessFixture::fetch("stock")).empty());  // another sidecar's
  CHECK_FALSE(f.asked("audit", AccessFixture::subscribe("payments", "audit")).empty());
  CHECK_FALSE(f.asked("audit", AccessFixture::subscribe("orders", "other")).empty());
  CursorReport report;
  report.stream = "orders";
  report.consumer = "other";
  CHECK_FALSE(f.asked("audit", report).empty());
  report.consumer = "audit";
  CHECK(f.asked("audit", report).empty());
}

TEST_CASE("WhoHasNothingToDoWithTheSidecarGetsNothing") {
  const AccessFixture f;
  for (const std::string user : {"other", "nobody", ""}) {
    CHECK_FALSE(f.asked(user, AccessFixture::fetch("orders")).empty());
    CHECK_FALSE(f.asked(user, StatusRequest{}).empty());
    CHECK_FALSE(f.access.may_hear(user, broadcast_topic("orders")));
  }
}

TEST_CASE("OnlyOperatorsOperateAndNobodyPublishesFromAnotherHost") {
  const AccessFixture f;
  for (const Request& request :
       {Request(StatusRequest{}), Request(RecordsRequest{}), Request(TrustClock{}),
        Request(Forget{"orders", "audit"}), Request(ForgetProducer{"orders", {7}})}) {
    CHECK(f.asked("alice", request).empty());
    CHECK(f.asked("audit", request).find("no operator") != std::string::npos);
  }
  CHECK(f.asked("alice", AccessFixture::fetch("payments")).empty());
  CHECK_FALSE(f.asked("alice", AccessFixture::subscribe("orders", "alice")).empty());
  for (const char* user : {"alice", "audit"}) {
    CHECK_FALSE(f.asked(user, Register{}).empty());
    CHECK_FALSE(f.asked(user, Keepalive{}).empty());
    CHECK_FALSE(f.asked(user, Goodbye{}).empty());
  }
}

TEST_CASE("BroadcastsAreHeardOfWholeTopicsThatOneMayRead") {
  const AccessFixture f;
  CHECK(f.access.may_hear("audit", broadcast_topic("orders")));
  CHECK_FALSE(f.access.may_hear("audit", broadcast_topic("payments")));
  CHECK_FALSE(f.access.may_hear("audit", "orders"));  // a prefix, of orders-2 too
  CHECK_FALSE(f.access.may_hear("audit", ""));
  CHECK(f.access.may_hear("alice", broadcast_topic("payments")));
}

}  // namespace
}  // namespace forebay
