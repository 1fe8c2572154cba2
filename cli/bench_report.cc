#include "cli/bench_report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/status_report.h"
#include "cli/table.h"

namespace forebay {
namespace {

constexpr double kPercentiles[] = {0.5, 0.99, 0.999};

template <class... Values>
std::string formatted(const char* format, Values... values) {
  char text[64];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

double seconds_of(Nanoseconds time) { return std::chrono::duration<double>(time).count(); }

double mb_per_second(const Measured& measured) {
  return measured.per_second() * static_cast<double>(measured.event_bytes) / 1e6;
}

double microseconds(Nanoseconds time) { return static_cast<double>(time.count()) / 1e3; }

Json json_of(const Measured& measured) {
  Json json{{"count", measured.count},
            {"seconds", seconds_of(measured.took)},
            {"per_second", measured.per_second()}};
  if (measured.event_bytes > 0) json["mb_per_second"] = mb_per_second(measured);
  if (const auto& latencies = measured.latencies) {
    json["p50_us"] = microseconds(latencies->at(0.5));
    json["p99_us"] = microseconds(latencies->at(0.99));
    json["p999_us"] = microseconds(latencies->at(0.999));
    json["max_us"] = microseconds(latencies->max());
  }
  return json;
}

}  // namespace

double Measured::per_second() const {
  return static_cast<double>(count) / std::max(seconds_of(took), 1e-9);
}

std::string latency_text(Nanoseconds latency) {
  double value = microseconds(latency);
  const char* unit = "us";
  if (value >= 999'500) {
    value /= 1e6;
    unit = "s";
  } else if (value >= 999.5) {
    value /= 1e3;
    unit = "ms";
  }
  const int digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return formatted("%.*f%s", digits, value, unit);
}

std::string settings_text(const BenchSettings& settings) {
  const Machine& machine = settings.machine;
  const Mount& mount = settings.disk.mount;
  std::vector<std::vector<std::string>> rows;
  rows.push_back({"version", settings.version});
  rows.push_back({"machine", std::to_string(machine.cores) +
                                 (machine.cores == 1 ? " core" : " cores") +
                                 (machine.processor.empty() ? "" : ", " + machine.processor)});
  rows.push_back({"system", machine.kernel});
  rows.push_back({"disk", (mount.file_system.empty() ? "not known"
                                                     : mount.file_system + " on " + mount.device) +
                              ", " + short_size(settings.disk.free_bytes) + " free"});
  rows.push_back({"folder", settings.folder});
  rows.push_back({"events", "up to " + std::to_string(settings.events) + " of " +
                                std::to_string(settings.event_bytes) + " B"});
  rows.push_back({"sync", "full"});
  return aligned(rows);
}

std::string measured_text(const std::vector<Measured>& all) {
  std::vector<std::vector<std::string>> rows{
      {"MEASURED", "COUNT", "SECONDS", "RATE", "MB/S", "P50", "P99", "P99.9", "MAX"}};
  for (const Measured& each : all) {
    std::vector<std::string> row{
        each.name, std::to_string(each.count), formatted("%.2f", seconds_of(each.took)),
        formatted("%.0f/s", each.per_second()),
        each.event_bytes > 0 ? formatted("%.1f", mb_per_second(each)) : ""};
    for (const double share : kPercentiles) {
      row.push_back(each.latencies ? latency_text(each.latencies->at(share)) : "");
    }
    row.push_back(each.latencies ? latency_text(each.latencies->max()) : "");
    rows.push_back(std::move(row));
  }
  return aligned(rows);
}

Json bench_json(const BenchSettings& settings, const std::vector<Measured>& all) {
  Json json{{"settings",
             {{"version", settings.version},
              {"cores", settings.machine.cores},
              {"processor", settings.machine.processor},
              {"system", settings.machine.kernel},
              {"file_system", settings.disk.mount.file_system},
              {"device", settings.disk.mount.device},
              {"free_bytes", settings.disk.free_bytes},
              {"folder", settings.folder},
              {"events_max", settings.events},
              {"event_bytes", settings.event_bytes},
              {"sync", "full"}}}};
  for (const Measured& each : all) {
    std::string key = each.name;
    std::replace(key.begin(), key.end(), ' ', '_');
    json[key] = json_of(each);
  }
  return json;
}

}  // namespace forebay
