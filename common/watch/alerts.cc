#include "common/watch/alerts.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"

namespace forebay {

Json to_json(const Alert& alert) {
  Json json{{"alert", alert.condition.alert},
            {"subject", alert.condition.subject},
            {"text", alert.condition.text},
            {"raised", to_rfc3339(alert.raised)},
            {"cleared", nullptr}};
  if (alert.cleared) json["cleared"] = to_rfc3339(*alert.cleared);
  return json;
}

std::vector<Alert> AlertBook::update(const std::vector<Condition>& conditions, MonoTime now,
                                     WallTime exact) {
  const WallTime wall = std::chrono::floor<std::chrono::milliseconds>(exact);
  std::vector<Alert> changed;
  for (const Condition& condition : conditions) {
    const std::pair key{condition.alert, condition.subject};
    if (auto found = raised_.find(key); found != raised_.end()) {
      found->second.seen = now;
      found->second.alert.condition.text = condition.text;  // how it is now
    } else if (raised_.size() < limits::kAlertsMax) {
      changed.push_back({condition, wall});
      raised_.emplace(key, Raised{changed.back(), now});
    }
  }
  for (auto each = raised_.begin(); each != raised_.end();) {
    if (now - each->second.seen < limits::kAlertClearAfter) {
      ++each;
      continue;
    }
    changed.push_back(std::move(each->second.alert));
    changed.back().cleared = wall;
    history_.push_back(changed.back());
    if (history_.size() > limits::kAlertHistoryMax) history_.pop_front();
    each = raised_.erase(each);
  }
  return changed;
}

void AlertBook::go_on(MonoTime now) {
  for (auto& [key, raised] : raised_) raised.seen = now;
}

std::vector<Alert> AlertBook::raised() const {
  std::vector<Alert> alerts;
  for (const auto& [key, raised] : raised_) alerts.push_back(raised.alert);
  std::stable_sort(alerts.begin(), alerts.end(),
                   [](const Alert& a, const Alert& b) { return a.raised < b.raised; });
  return alerts;
}

Json AlertBook::to_json() const {
  Json json{{"raised", Json::array()}, {"history", Json::array()}};
  for (const Alert& alert : raised()) json["raised"].push_back(forebay::to_json(alert));
  for (const Alert& alert : history_) json["history"].push_back(forebay::to_json(alert));
  return json;
}

}  // namespace forebay
