#include "cli/finding.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/table.h"
#include "common/base/printable.h"

namespace forebay {

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::kOk:
      return "ok";
    case Severity::kWarning:
      return "warning";
    case Severity::kWrong:
      return "wrong";
  }
  return "";
}

Findings by_severity(Findings findings) {
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& left, const Finding& right) {
    return left.severity > right.severity;
  });
  return findings;
}

std::size_t count_of(const Findings& findings, Severity severity) {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(),
                    [&](const Finding& finding) { return finding.severity == severity; }));
}

std::string findings_text(const Findings& findings) {
  std::vector<std::vector<std::string>> rows{{"CHECK", "WHERE", "RESULT"}};
  for (const Finding& finding : findings)
    rows.push_back({finding.check, finding.where, std::string(to_string(finding.severity))});
  std::istringstream lines(aligned(rows));
  std::string text, line;
  std::getline(lines, line);
  text += line + '\n';
  for (const Finding& finding : findings) {
    std::getline(lines, line);
    text += line + '\n';
    if (finding.severity == Severity::kOk) continue;
    text += "  " + printable(finding.cause) + '\n';
    text += "  to mend: " + printable(finding.mend) + '\n';
  }
  return text;
}

Json findings_json(const Findings& findings) {
  Json all = Json::array();
  for (const Finding& finding : findings) {
    all.push_back({{"check", finding.check},
                   {"where", finding.where},
                   {"result", to_string(finding.severity)},
                   {"cause", finding.cause},
                   {"mend", finding.mend}});
  }
  return all;
}

}  // namespace forebay
