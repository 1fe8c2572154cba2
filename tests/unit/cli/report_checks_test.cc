#include "cli/report_checks.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/event/json_fields.h"

namespace forebay {
namespace {

const Sidecar kSidecar{"events", "here", {{"a", {}}, {"b", {}}}, {}};

Topology one_reader() {
  Topology made;
  made.sidecars = {kSidecar};
  Node reader;
  reader.name = "reader";
  reader.kind = NodeKind::kSourcing;
  reader.host = "here";
  reader.subscribes = {{"a", {}}};
  made.nodes = {reader};
  return made;
}

Resident sound_resident() {
  Resident made{"events", "forebay-sidecar", true};
  made.folder = "/state/events";
  made.owner = "forebay";
  return made;
}

Json live_consumer(const std::string& name = "reader") {
  return {{"stream", "a"}, {"consumer", name}, {"cursor", 7u},    {"lag", 2u},
          {"lost", 0u},    {"failed", 0u},     {"state", "LIVE"}, {"heard_ms", 20u}};
}

Json sound_report() {
  return {{"sidecar", "events"},
          {"version", "1.2.0"},
          {"full", false},
          {"disk", {{"left", 50u}, {"of", 100u}}},
          {"clock_doubted", false},
          {"streams",
           {{{"stream", "a"}, {"head", 9u}, {"damaged", 0u}, {"refusing", false}},
            {{"stream", "b"}, {"head", 0u}, {"damaged", 0u}, {"refusing", false}}}},
          {"consumers", {live_consumer()}}};
}

bool has_words(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The only finding that is not ok.
Finding only_fault(const Findings& all) {
  Findings wrong;
  for (const Finding& finding : all) {
    if (finding.severity != Severity::kOk) wrong.push_back(finding);
  }
  REQUIRE(wrong.size() == 1);
  CHECK_FALSE(wrong[0].mend.empty());
  return wrong[0];
}

Finding only_fault(const Json& report) {
  const Resident here = sound_resident();
  return only_fault(check_sidecar(kSidecar, report, &here, "1.2.0", Alerts{}));
}

TEST_CASE("OfASidecarThatIsWellEachCheckIsOk") {
  const Resident here = sound_resident();
  std::string checks;
  for (const Finding& finding : check_sidecar(kSidecar, sound_report(), &here, "1.2.0", Alerts{})) {
    CHECK(finding.severity == Severity::kOk);
    CHECK(finding.where == "events");
    checks += finding.check + " ";
  }
  CHECK(checks == "reachability versions clock streams log ");
}

TEST_CASE("ASidecarThatDoesNotAnswerIsToBeStartedOrRestarted") {
  const Result<Json> silence = fail(ErrorCode::kTimeout, "no answer");
  Resident here = sound_resident();
  Finding found = only_fault(check_sidecar(kSidecar, silence, &here, "1.2.0", Alerts{}));
  CHECK((found.check == "reachability" && found.severity == Severity::kWrong));
  CHECK(found.cause == "it does not run: no process holds /state/events");
  CHECK(has_words(found.mend, "`systemctl start forebay-sidecar@events`, or `forebay up`"));
  here.process = 77;
  found = only_fault(check_sidecar(kSidecar, silence, &here, "1.2.0", Alerts{}));
  CHECK(has_words(found.cause, "process 77 runs"));
  CHECK(has_words(found.mend, "systemctl restart forebay-sidecar@events"));
  // Of another user's it cannot be told.
  here.may_enter = false;
  found = only_fault(check_sidecar(kSidecar, silence, &here, "1.2.0", Alerts{}));
  CHECK(found.severity == Severity::kWarning);
  CHECK(found.mend == "run this as 'forebay' or root");
}

TEST_CASE("ASidecarOfAnotherHostIsToBeStartedThere") {
  const auto check = [](ErrorCode code) {
    return check_sidecar(kSidecar, fail(code, "why"), nullptr, "1.2.0", Alerts{});
  };
  CHECK(has_words(only_fault(check(ErrorCode::kTimeout)).mend, "on host 'here' `systemctl start"));
  CHECK(has_words(only_fault(check(ErrorCode::kBadInput)).mend, "docs/security.md"));
  // Who is told that he is no operator was answered.
  const Findings forbidden = check(ErrorCode::kForbidden);
  REQUIRE(forbidden.size() == 1);
  CHECK(forbidden[0].severity == Severity::kOk);
}

TEST_CASE("AStreamThatIsNotServedIsWrong") {
  Json less = sound_report();
  less["streams"].erase(1);
  const Finding found = only_fault(less);
  CHECK((found.check == "streams" && found.severity == Severity::kWrong));
  CHECK(has_words(found.cause, "stream 'b'"));
  CHECK(found.mend == "`systemctl reload forebay-sidecar@events`");
  Resident here = sound_resident();
  here.process = 77;
  CHECK(has_words(only_fault(check_sidecar(kSidecar, less, &here, "1.2.0", Alerts{})).mend,
                  "`, or `kill -HUP 77` where"));
  CHECK(has_words(only_fault(check_sidecar(kSidecar, less, nullptr, "1.2.0", Alerts{})).mend,
                  "on host 'here' `systemctl reload"));
}

TEST_CASE("AFullLogIsWrongAndALowOneWarnedOf") {
  Json changed = sound_report();
  changed["disk"]["left"] = 9u;
  CHECK(only_fault(changed).severity == Severity::kWarning);
  CHECK(only_fault(changed).cause == "9 B of 100 B are left for events");
  changed["full"] = true;
  CHECK(only_fault(changed).severity == Severity::kWrong);
  CHECK(has_words(only_fault(changed).mend, "disk_max"));
}

TEST_CASE("DamageAndAStreamThatTakesNothingAreWrong") {
  Json changed = sound_report();
  changed["streams"][0]["damaged"] = 22u;
  CHECK(only_fault(changed).severity == Severity::kWrong);
  CHECK(has_words(only_fault(changed).mend, "forebay verify events --repair"));
  changed = sound_report();
  changed["streams"][1]["refusing"] = true;
  CHECK(only_fault(changed).severity == Severity::kWrong);
  CHECK(has_words(only_fault(changed).cause, "stream 'b'"));
}

TEST_CASE("WhatAStreamLostIsWarnedOf") {
  Json changed = sound_report();
  changed["streams"][0]["lost"] = 4u;
  CHECK(only_fault(changed).severity == Severity::kWarning);
  CHECK(only_fault(changed).cause == "4 events of stream 'a' are lost: its log has gaps");
}

TEST_CASE("AClockThatTheSidecarDoubtsIsWrong") {
  Json changed = sound_report();
  changed["clock_doubted"] = true;
  CHECK(only_fault(changed).severity == Severity::kWrong);
  CHECK(has_words(only_fault(changed).mend, "forebay clock trust events"));
}

TEST_CASE("AnotherVersionOrNoneIsWarnedOf") {
  Json changed = sound_report();
  changed["version"] = "1.1.9";
  CHECK(only_fault(changed).severity == Severity::kWarning);
  CHECK(only_fault(changed).cause == "it is of version 1.1.9, and this command of 1.2.0");
  CHECK(has_words(only_fault(changed).mend, "restart"));
  changed.erase("version");
  CHECK(has_words(only_fault(changed).cause, "it says no version"));
}

TEST_CASE("AReportOfWhichNothingIsKnownIsNotTakenOnTrust") {
  const Resident here = sound_resident();
  for (const Json& odd : {Json::object(), Json{{"streams", 5}, {"disk", 7}, {"version", {1, 2}}},
                          Json{{"full", "yes"}, {"consumers", {1, "x", {{"stream", 4}}}}}}) {
    CHECK_FALSE(check_sidecar(kSidecar, odd, &here, "1.2.0", Alerts{}).empty());
    static_cast<void>(check_consumers(one_reader(), {{{"events", odd}}, {}}));
  }
}

TEST_CASE("ANodeThatDoesNotAnswerIsToBeStarted") {
  Resident node{"reader", "forebay-sourcing"};
  CHECK(check_node(Json::object(), node).severity == Severity::kOk);
  const Finding found = check_node(fail(ErrorCode::kNotFound, "there is no socket"), node);
  CHECK(found.severity == Severity::kWrong);
  CHECK(has_words(found.mend, "systemctl start forebay-sourcing@reader"));
  node.program.clear();
  CHECK(has_words(check_node(fail(ErrorCode::kTimeout, "no answer"), node).mend, "of your own"));
}

Finding only_consumer(const Json& consumer, const Json& own = nullptr) {
  Json changed = sound_report();
  changed["consumers"] = Json::array({consumer});
  ConsumersHeard heard{{{"events", changed}}, {}};
  if (!own.is_null()) heard.nodes.emplace("reader", own);
  return only_fault(check_consumers(one_reader(), heard));
}

TEST_CASE("AConsumerThatIsWellHasARow") {
  const Findings all = check_consumers(one_reader(), {{{"events", sound_report()}}, {}});
  REQUIRE(all.size() == 1);
  CHECK((all[0].where == "reader" && all[0].severity == Severity::kOk));
  // Nothing was heard of it, nor of its sidecar.
  CHECK(check_consumers(one_reader(), {}).empty());
}

TEST_CASE("ADivergedConsumerIsWrongAndResetIsNamed") {
  Json changed = live_consumer();
  changed["state"] = "DIVERGED";
  const Finding found = only_consumer(changed);
  CHECK((found.severity == Severity::kWrong && found.where == "reader, a"));
  CHECK(has_words(found.mend, "`forebay consumers reset reader a --rebuild`"));
  CHECK(has_words(found.mend, "--adopt"));
  // As itself says, too.
  const Json own{{"streams", {{{"stream", "a"}, {"state", "DIVERGED"}}}}};
  CHECK(only_consumer(live_consumer(), own).severity == Severity::kWrong);
}

TEST_CASE("ASilentConsumerIsWrong") {
  Json changed = live_consumer();
  changed["heard_ms"] = 5000u;
  Json sound = sound_report();
  sound["consumers"] = Json::array({changed});
  CHECK(check_consumers(one_reader(), {{{"events", sound}}, {}})[0].severity == Severity::kOk);
  changed["heard_ms"] = 6000u;
  CHECK(only_consumer(changed).severity == Severity::kWrong);
  CHECK(only_consumer(changed).cause == "it has been silent for 6.0s");
  CHECK(has_words(only_consumer(changed).mend, "systemctl start forebay-sourcing@reader"));
  CHECK(has_words(only_consumer(changed).mend, "forebay consumers forget reader a"));
  changed["heard_ms"] = nullptr;
  CHECK(has_words(only_consumer(changed).cause, "not been heard of since"));
}

TEST_CASE("AConsumerThatNeverRegisteredIsWrongAndOneThatIsNotInTheTopologyWarnedOf") {
  Json none = sound_report();
  none["consumers"] = Json::array();
  Finding found = only_fault(check_consumers(one_reader(), {{{"events", none}}, {}}));
  CHECK((found.severity == Severity::kWrong && has_words(found.cause, "never heard of it")));
  none["consumers"] = Json::array({live_consumer(), live_consumer("gone")});
  found = only_fault(check_consumers(one_reader(), {{{"events", none}}, {}}));
  CHECK((found.severity == Severity::kWarning && found.where == "gone, a"));
  CHECK(found.mend == "`forebay consumers forget gone a`");
}

TEST_CASE("WhatAConsumerLostOrRefusedIsWarnedOf") {
  Json changed = live_consumer();
  changed["lost"] = 5u;
  CHECK(only_consumer(changed).severity == Severity::kWarning);
  CHECK(has_words(only_consumer(changed).cause, "5 events were trimmed"));
  changed = live_consumer();
  changed["failed"] = 3u;
  CHECK(only_consumer(changed).severity == Severity::kWarning);
  CHECK(has_words(only_consumer(changed).mend, "forebay rebuild reader"));
}

}  // namespace
}  // namespace forebay
