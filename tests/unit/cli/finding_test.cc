#include "cli/finding.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace forebay {
namespace {

const Findings kFound{{"clock", "this host"},
                      {"disk", "a", Severity::kWarning, "little is left", "make room"},
                      {"keys", "longer-name", Severity::kWrong, "no\nsecret\x1b[2J", "make one"},
                      {"log", "a", Severity::kWrong, "full", "make room"}};

TEST_CASE("TheWorstFindingsComeFirstAndOtherwiseTheyKeepTheirOrder") {
  const Findings sorted = by_severity(kFound);
  std::string order;
  for (const Finding& finding : sorted) order += finding.check + " ";
  CHECK(order == "keys log disk clock ");
  CHECK(count_of(sorted, Severity::kWrong) == 2);
  CHECK(count_of(sorted, Severity::kWarning) == 1);
}

TEST_CASE("WhatIsNotWellHasItsCauseAndMendBelowItsRowALineEach") {
  CHECK(findings_text(kFound) ==
        "CHECK  WHERE        RESULT\n"
        "clock  this host    ok\n"
        "disk   a            warning\n"
        "  little is left\n"
        "  to mend: make room\n"
        "keys   longer-name  wrong\n"
        "  no?secret?[2J\n"
        "  to mend: make one\n"
        "log    a            wrong\n"
        "  full\n"
        "  to mend: make room\n");
}

TEST_CASE("FindingsInJsonHaveAllFieldsAlsoWhereAllIsWell") {
  const Json all = findings_json(kFound);
  CHECK(all[0] == Json{{"check", "clock"},
                       {"where", "this host"},
                       {"result", "ok"},
                       {"cause", ""},
                       {"mend", ""}});
  CHECK(all[1]["result"] == "warning");
  CHECK(all[2]["result"] == "wrong");
}

}  // namespace
}  // namespace forebay
