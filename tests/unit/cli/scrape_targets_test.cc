#include "cli/scrape_targets.h"

#include <catch2/catch.hpp>

namespace forebay {
namespace {

using Json = nlohmann::ordered_json;
using Names = std::vector<std::string>;

Topology two_hosts(const std::string& served_at) {
  Topology made;
  made.name = "shop";
  Host here, there;
  here.name = "here";
  here.address = "10.0.0.1";
  there.name = "there";
  there.address = "10.0.0.2";
  here.metrics_port = there.metrics_port = 7900;
  here.metrics_address = "127.0.0.1";
  there.metrics_address = served_at;
  made.hosts = {here, there};
  made.sidecars = {{"events", "here", {{"a", {}}}, {}}, {"far", "there", {{"b", {}}}, {}}};
  Node once, followed, own;
  once.name = "once";
  once.kind = followed.kind = NodeKind::kFeed;
  followed.name = "followed";
  followed.follow = true;
  own.name = "own";
  own.kind = NodeKind::kService;
  once.host = followed.host = own.host = "here";
  made.nodes = {own, once, followed};
  return made;
}

Json target(const std::string& place, const std::string& host, const std::string& kind,
            const std::string& daemon) {
  return {{"targets", {place}},
          {"labels",
           {{"job", "forebay"},
            {"topology", "shop"},
            {"host", host},
            {"kind", kind},
            {"daemon", daemon}}}};
}

TEST_CASE("EveryDaemonIsATargetAndAFeedThatEndsIsMarked") {
  const auto found = scrape_targets(two_hosts("0.0.0.0"), {"here"});
  Json once = target("127.0.0.1:7903", "here", "feed", "once");
  once["labels"]["ends"] = "true";
  CHECK(found.groups == Json{target("127.0.0.1:7900", "here", "sidecar", "events"),
                             target("10.0.0.2:7900", "there", "sidecar", "far"), once,
                             target("127.0.0.1:7905", "here", "feed", "followed")});
  CHECK(found.unreachable.empty());
}

TEST_CASE("WhatAnotherHostServesOnItsLoopbackIsNoTargetAndIsTold") {
  const auto found = scrape_targets(two_hosts("127.0.0.1"), {"here"});
  REQUIRE(found.groups.size() == 3);
  for (const Json& group : found.groups) CHECK(group["labels"]["host"] == "here");
  CHECK(found.unreachable == Names{"there"});
}

TEST_CASE("AHostThatServesNoMetricsHasNoTargets") {
  Topology quiet = two_hosts("10.0.0.2");
  quiet.hosts[0].metrics_port = 0;
  const auto found = scrape_targets(quiet, {"here"});
  CHECK(found.groups == Json{target("10.0.0.2:7900", "there", "sidecar", "far")});
  CHECK(found.unreachable.empty());
}

}  // namespace
}  // namespace forebay
