// What `forebay doctor` says of one thing that it looked at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/event/json_value.h"

namespace forebay {

enum class Severity : std::uint8_t { kOk, kWarning, kWrong };
/// "ok", "warning", "wrong".
[[nodiscard]] std::string_view to_string(Severity severity);

struct Finding {
  std::string check;  // "disk"
  std::string where;  // the sidecar, node or host; ASCII
  Severity severity = Severity::kOk;
  std::string cause = {};  // a line; empty where all is well
  std::string mend = {};   // what to do about it, a line; likewise
  std::string alert = {};  // the alert that says the same, if there is one
};
using Findings = std::vector<Finding>;

/// The worst first, each severity in the order given.
[[nodiscard]] Findings by_severity(Findings findings);
[[nodiscard]] std::size_t count_of(const Findings& findings, Severity severity);

/// A table with a row each, cause and mend below those that are not well. Safe for a terminal.
[[nodiscard]] std::string findings_text(const Findings& findings);
/// [{check, where, result, cause, mend}].
[[nodiscard]] Json findings_json(const Findings& findings);

}  // namespace forebay
