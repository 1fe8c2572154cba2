#include "cli/alert_checks.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace forebay {
namespace {

Json with_raised(std::initializer_list<std::pair<const char*, const char*>> alerts) {
  Json raised = Json::array();
  for (const auto& [alert, subject] : alerts) {
    raised.push_back({{"alert", alert},
                      {"subject", subject},
                      {"text", "why"},
                      {"raised", "2026-03-01T09:30:00Z"},
                      {"cleared", nullptr}});
  }
  return {{"alerts", {{"raised", raised}, {"history", Json::array()}}}};
}

std::vector<std::string> causes(const Findings& findings) {
  std::vector<std::string> causes;
  for (const Finding& finding : findings) causes.push_back(finding.cause);
  return causes;
}

TEST_CASE("EachAlertThatIsRaisedIsAFindingWithItsText") {
  const Findings all =
      check_alerts("events", with_raised({{"stuck", ""}, {"lag", "keyed of a"}, {"odd", "x"}}), {});
  CHECK(causes(all) == std::vector<std::string>{"stuck: why (since 2026-03-01T09:30:00Z)",
                                                "lag, keyed of a: why (since 2026-03-01T09:30:00Z)",
                                                "odd, x: why (since 2026-03-01T09:30:00Z)"});
  for (const Finding& finding : all) {
    CHECK((finding.check == "alerts" && finding.where == "events"));
    CHECK_FALSE(finding.mend.empty());
  }
  CHECK(all[0].severity == Severity::kWrong);
  CHECK(all[1].severity == Severity::kWarning);
  // Of one that only a newer daemon knows.
  CHECK(all[2].severity == Severity::kWarning);
}

TEST_CASE("WhatAnotherCheckSaysIsNoFindingOfItsAlert") {
  const Findings said{{"log", "events", Severity::kWrong, "", "", "damaged"},
                      {"consumers", "keyed, a", Severity::kWrong, "", "", "diverged"},
                      {"feed", "feeder", Severity::kWrong, "", "", "silent_producer"}};
  const Json sidecar = with_raised({{"damaged", "b"},
                                    {"diverged", "keyed of a"},
                                    {"silent_producer", "feeder of a"},
                                    {"diverged", "keyed of b"},
                                    {"not_moving", "keyed of a"}});
  CHECK(causes(check_alerts("events", sidecar, said)) ==
        std::vector<std::string>{"diverged, keyed of b: why (since 2026-03-01T09:30:00Z)",
                                 "not_moving, keyed of a: why (since 2026-03-01T09:30:00Z)"});
  // What another sidecar has raised is its own, and of a node's the stream is the subject.
  CHECK(check_alerts("other", with_raised({{"damaged", "b"}}), said)[0].severity ==
        Severity::kWrong);
  CHECK(check_alerts("keyed", with_raised({{"diverged", "a"}}), said)[0].severity == Severity::kOk);
  CHECK(check_alerts("keyed", with_raised({{"diverged", "b"}}), said)[0].severity ==
        Severity::kWrong);
}

TEST_CASE("WhatACheckFindsWellSaysNothingOfAnAlert") {
  const Findings said{{"feed", "feeder", Severity::kOk, "", "", "silent_producer"}};
  const Json sidecar = with_raised({{"silent_producer", "feeder of a"}});
  CHECK(check_alerts("events", sidecar, said)[0].severity == Severity::kWarning);
}

TEST_CASE("WhereNoAlertIsRaisedThatIsWellAndOfWhoKnowsNoneNothingIsSaid") {
  const Findings none = check_alerts("events", with_raised({}), {});
  REQUIRE(none.size() == 1);
  CHECK((none[0].check == "alerts" && none[0].severity == Severity::kOk));
  CHECK(check_alerts("service", Json::object(), {}).empty());
  // Nor of what is no list of alerts.
  for (const Json& odd : {Json{{"alerts", 7}}, Json{{"alerts", {{"raised", 7}}}},
                          Json{{"alerts", {{"raised", {7, "x", {{"alert", {1}}}}}}}}}) {
    for (const Finding& finding : check_alerts("events", odd, {}))
      CHECK(finding.severity == Severity::kOk);
  }
}

}  // namespace
}  // namespace forebay
