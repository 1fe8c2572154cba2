// Runs seeds of the simulation: `sim` as many as FOREBAY_SIM_SEEDS says (default 200), from
// FOREBAY_SIM_FIRST (default 1) on. A seed that fails says how to run it again, alone and with
// FOREBAY_LOG=debug if wanted.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/sim/world.h"
#include "tests/support/temp_dir.h"

namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

int main() {
  const char* level = std::getenv("FOREBAY_LOG");
  spdlog::set_level(level == nullptr ? spdlog::level::off : spdlog::level::from_str(level));
  // Its logs are synced as ever; on memory that takes no time.
  if (::access("/dev/shm", W_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 0);
  const std::uint64_t seeds = number_from("FOREBAY_SIM_SEEDS", 200);
  const std::uint64_t first = number_from("FOREBAY_SIM_FIRST", 1);
  std::uint64_t played = 0, failed = 0, events = 0, lost = 0, slowest_ms = 0;
  std::map<std::string, std::uint64_t> faults;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    ++played;
    try {
      const forebay::test::TempDir dir;
      forebay::sim::seed_ids(seed);
      forebay::sim::World world(seed, dir / "log");
      const auto tally = world.run();
      events += tally.events;
      lost += tally.lost;
      slowest_ms = std::max(slowest_ms, tally.healed_ms);
      for (const auto& [fault, times] : tally.faults) faults[fault] += times;
    } catch (const std::exception& failure) {
      ++failed;
      std::printf("seed %llu: %s\n  again: FOREBAY_SIM_FIRST=%llu FOREBAY_SIM_SEEDS=1\n",
                  static_cast<unsigned long long>(seed), failure.what(),
                  static_cast<unsigned long long>(seed));
      if (failed == 10) break;
    }
  }
  std::printf(
      "%llu seeds, %llu failed, %llu events, %llu lost to trimming, right again in %llu ms at "
      "most\n",
      static_cast<unsigned long long>(played), static_cast<unsigned long long>(failed),
      static_cast<unsigned long long>(events), static_cast<unsigned long long>(lost),
      static_cast<unsigned long long>(slowest_ms));
  for (const auto& [fault, times] : faults)
    std::printf("  %s: %llu\n", fault.c_str(), static_cast<unsigned long long>(times));
  return failed == 0 ? 0 : 1;
}
