#include "sidecar/hearers.h"

#include <catch2/catch.hpp>

#include "common/base/limits.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;

std::size_t hearing(Hearers& hearers, const std::string& topic, MonoTime now) {
  std::size_t count = 0;
  hearers.for_each(topic, now, [&](const std::string&) { return ++count > 0; });
  return count;
}

TEST_CASE("AStreamHasOnlySoManyHearersUntilTheyFallSilent") {
  const MonoTime start{};
  constexpr std::size_t kUsers = limits::kHearersMax / limits::kHearersOfUserMax;
  Hearers hearers;
  for (std::size_t user = 0; user < kUsers; ++user) {
    const std::string name = "user " + std::to_string(user);
    for (std::size_t i = 0; i < limits::kHearersOfUserMax; ++i)
      REQUIRE(hearers.grant(name, name + ", " + std::to_string(i), "orders", start));
  }
  CHECK(hearing(hearers, "orders", start) == limits::kHearersMax);
  CHECK_FALSE(hearers.grant("one more", "route", "orders", start));
  CHECK(hearers.grant("one more", "route", "payments", start));
  // Who hears already says so again.
  CHECK(hearers.grant("user 0", "user 0, 0", "orders", start + milliseconds(1)));
  const MonoTime over = start + limits::kHearingLease;
  CHECK_FALSE(hearers.grant("one more", "route", "orders", over));
  CHECK(hearers.grant("one more", "route", "orders", over + milliseconds(1)));
  CHECK(hearing(hearers, "orders", over + milliseconds(1)) == 2);
}

TEST_CASE("AUserHasOnlySoManyHearersOfAStream") {
  Hearers hearers;
  const auto grant = [&](const std::string& user, std::size_t route) {
    return hearers.grant(user, std::to_string(route), "orders", {});
  };
  for (std::size_t i = 0; i < limits::kHearersOfUserMax; ++i) REQUIRE(grant("clerk", i));
  CHECK_FALSE(grant("clerk", limits::kHearersOfUserMax));
  CHECK(grant("cashier", limits::kHearersOfUserMax));
}

TEST_CASE("WhoIsNotReachedHearsNoMore") {
  Hearers hearers;
  for (const std::string route : {"here", "gone"})
    REQUIRE(hearers.grant("clerk", route, "orders", {}));
  hearers.for_each("orders", {}, [](const std::string& route) { return route != "gone"; });
  CHECK(hearing(hearers, "orders", {}) == 1);
  CHECK(hearing(hearers, "payments", {}) == 0);
}

}  // namespace
}  // namespace forebay
