// Who of other hosts hears what, and until when: whoever does not say so again is forgotten. Bounded, so
// that no user takes what others have. For one thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace forebay {

class Hearers {
 public:
  /// From now on, for limits::kHearingLease, the connection `route` of `user` hears `topic`, which is
  /// one of those that there are. False if there are as many as there may be.
  [[nodiscard]] bool grant(std::string_view user, std::string_view route, std::string_view topic,
                           MonoTime now);
  /// Calls `reach` with the route of each that hears `topic`, and forgets whom it returns false for.
  template <class Reach>
  void for_each(std::string_view topic, MonoTime now, Reach&& reach) {
    const auto found = topics_.find(topic);
    if (found == topics_.end()) return;
    std::erase_if(found->second, [&](const auto& hearer) {
      return hearer.second.until < now || !reach(hearer.first);
    });
  }

 private:
  struct Hearer {
    std::string user;
    MonoTime until;
  };
  using Routes = std::map<std::string, Hearer, std::less<>>;
  std::map<std::string, Routes, std::less<>> topics_;
};

}  // namespace forebay
