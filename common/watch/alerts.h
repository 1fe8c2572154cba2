// Alerts: what is not well with a daemon, from when to when. Knows nothing of where they are told.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/event/json_value.h"

namespace forebay {

/// Something that is not well just now.
struct Condition {
  std::string alert;    // of what kind: "lag", "disk", …
  std::string subject;  // with what: a stream, "CONSUMER of STREAM", …; empty: the daemon itself
  std::string text;     // for people: figures, and what to do
};

struct Alert {
  Condition condition;  // as it was when it was raised
  WallTime raised{};
  std::optional<WallTime> cleared = {};
};

/// {alert, subject, text, raised, cleared} (cleared null while it is raised).
[[nodiscard]] Json to_json(const Alert& alert);

/// For one thread.
class AlertBook {
 public:
  /// Takes all that is not well at this moment, and returns what changed: alerts that are raised now,
  /// and ones that are cleared since nothing was said of them for limits::kAlertClearAfter, so that
  /// what wavers about its threshold is told of once. Of more than limits::kAlertsMax the rest is
  /// left out.
  [[nodiscard]] std::vector<Alert> update(const std::vector<Condition>& conditions, MonoTime now,
                                          WallTime wall);
  /// Whoever could not look for a while goes on as if all that is raised had just been so.
  void go_on(MonoTime now);
  /// {raised: [...], history: [...]}, the oldest first; the history is what was cleared last.
  [[nodiscard]] Json to_json() const;
  [[nodiscard]] std::vector<Alert> raised() const;
  /// What was cleared last.
  [[nodiscard]] const std::deque<Alert>& history() const { return history_; }

 private:
  struct Raised {
    Alert alert;
    MonoTime seen;
  };
  std::map<std::pair<std::string, std::string>, Raised> raised_;  // by alert and subject
  std::deque<Alert> history_;
};

}  // namespace forebay
