#include "sidecar/hearers.h"

#include <algorithm>

#include "common/base/limits.h"

namespace forebay {

bool Hearers::grant(std::string_view user, std::string_view route, std::string_view topic,
                    MonoTime now) {
  const MonoTime until = now + limits::kHearingLease;
  Routes& hearers = topics_[std::string(topic)];
  if (const auto known = hearers.find(route); known != hearers.end()) {
    known->second = {std::string(user), until};
    return true;
  }
  std::erase_if(hearers, [&](const auto& each) { return each.second.until < now; });
  const auto of_user = std::count_if(hearers.begin(), hearers.end(),
                                     [&](const auto& each) { return each.second.user == user; });
  if (hearers.size() >= limits::kHearersMax ||
      static_cast<std::size_t>(of_user) >= limits::kHearersOfUserMax)
    return false;
  hearers.emplace(route, Hearer{std::string(user), until});
  return true;
}

}  // namespace forebay
