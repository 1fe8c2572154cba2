#include "cli/alert_checks.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/event/json_fields.h"

namespace forebay {
namespace {

struct Advice {
  std::string_view alert;
  Severity severity;
  std::string_view mend;
};
constexpr const char* kAskTheRunbook = "docs/operations.md (\"Alerts\") says what to do";
constexpr std::array kAdvice{
    Advice{"stuck", Severity::kWrong,
           "look whether its disk answers (`dmesg`, `iostat -x`); it goes on by itself when it "
           "does"},
    Advice{"not_moving", Severity::kWrong,
           "its log says why; what else is wrong with it, or with the log that it reads, is listed "
           "here"},
    Advice{"lag", Severity::kWarning,
           "`forebay status --watch` shows whether it goes on: if it does, it is slow, or catches "
           "up"},
    Advice{"silent_producer", Severity::kWarning,
           "start it; `forebay producers forget` only if it never comes back"},
    Advice{"silent_beacon", Severity::kWarning,
           "look whether that stream's sidecar runs, and at the network between"},
    Advice{"refusals", Severity::kWarning,
           "docs/operations.md (\"What is refused\") says what the reason means"},
    Advice{"full", Severity::kWrong, kAskTheRunbook},
    Advice{"damaged", Severity::kWrong, kAskTheRunbook},
    Advice{"waits", Severity::kWrong, kAskTheRunbook},
    Advice{"diverged", Severity::kWrong, kAskTheRunbook},
};

Advice advice_for(const std::string& alert) {
  const auto* found = std::find_if(kAdvice.begin(), kAdvice.end(),
                                   [&](const Advice& each) { return each.alert == alert; });
  return found == kAdvice.end() ? Advice{alert, Severity::kWarning, kAskTheRunbook} : *found;
}

/// What findings call that which a daemon's alert is about.
std::vector<std::string> places_of(const std::string& daemon, const std::string& subject) {
  std::vector<std::string> places{daemon, daemon + ", " + subject};
  constexpr std::string_view kOf = " of ";  // "CONSUMER of STREAM"
  if (const std::size_t at = subject.find(kOf); at != std::string::npos) {
    places.push_back(subject.substr(0, at));
    places.push_back(subject.substr(0, at) + ", " + subject.substr(at + kOf.size()));
  }
  return places;
}

}  // namespace

Findings check_alerts(const std::string& daemon, const Json& report, const Findings& said) {
  const Json& alerts = object_in(report, "alerts");
  if (!alerts.contains("raised")) return {};
  Findings all;
  for (const Json& raised : list_in(alerts, "raised")) {
    const std::string alert = text_in(raised, "alert"), subject = text_in(raised, "subject");
    const auto places = places_of(daemon, subject);
    const bool is_said = std::any_of(said.begin(), said.end(), [&](const Finding& finding) {
      return finding.severity != Severity::kOk && finding.alert == alert &&
             std::find(places.begin(), places.end(), finding.where) != places.end();
    });
    if (alert.empty() || is_said) continue;
    const Advice advice = advice_for(alert);
    all.push_back({"alerts", daemon, advice.severity,
                   alert + (subject.empty() ? "" : ", " + subject) + ": " +
                       text_in(raised, "text") + " (since " + text_in(raised, "raised") + ")",
                   std::string(advice.mend), alert});
  }
  if (all.empty()) all.push_back({"alerts", daemon});
  return all;
}

}  // namespace forebay
