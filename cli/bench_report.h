// What `forebay bench` says: its settings, and what it measured, for people and for programs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/latencies.h"
#include "cli/machine.h"
#include "common/event/json_value.h"

namespace forebay {

struct BenchSettings {
  std::string version;
  Machine machine;
  Disk disk;
  std::string folder;
  std::uint64_t events = 0;       // of each measurement, at most
  std::uint64_t event_bytes = 0;  // encoded
};

/// One measurement.
struct Measured {
  std::string name;                    // as the table has it: "half speed"
  std::uint64_t count = 0;             // events or questions
  Nanoseconds took{0};                 // all of them; above 0
  std::uint64_t event_bytes = 0;       // 0: no bytes are counted
  std::optional<Latencies> latencies;  // of each

  [[nodiscard]] double per_second() const;
};

/// Lines of a name and a value.
[[nodiscard]] std::string settings_text(const BenchSettings& settings);
/// A table with a row for each.
[[nodiscard]] std::string measured_text(const std::vector<Measured>& all);
/// {"settings": {…}, "publish": {"events", "seconds", "per_second", …}, …}: docs/cli.md.
[[nodiscard]] Json bench_json(const BenchSettings& settings, const std::vector<Measured>& all);

/// "87us", "1.83ms", "12s": three digits that count.
[[nodiscard]] std::string latency_text(Nanoseconds latency);

}  // namespace forebay
