// forebay bench
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/bench_queries.h"
#include "cli/bench_runs.h"
#include "cli/made_events.h"
#include "cli/reach.h"
#include "cli/status_report.h"
#include "cli/verb.h"
#include "common/base/limits.h"

namespace forebay {
namespace {

constexpr std::uint64_t kBytesDefault = 512 * 1024 * 1024;  // of events in each measurement
constexpr std::chrono::seconds kTimeDefault{3};             // of publishing in each
constexpr std::uint64_t kEventsMax = 1'000'000'000;

struct BenchOptions {
  std::uint64_t events = 0;  // 0: what goes into the default time and bytes
  std::uint64_t bytes = 256;
  std::string folder, query, node;
};

/// The topology of -t or of the environment, or the host's own if it has one: one that is named has
/// to be there.
Result<std::optional<Topology>> topology_if_any(const Globals& globals, bool named) {
  if (!named && !std::filesystem::exists(globals.topology_path)) return std::nullopt;
  auto topology = load(globals);
  if (!topology) return fail(topology.error());
  return std::move(*topology);
}

/// Where to measure: --dir, or the folder of the installation's logs, or as near to it as there is
/// anything yet, or this folder.
Result<std::string> folder_of(const BenchOptions& options,
                              const std::optional<Topology>& topology) {
  namespace fs = std::filesystem;
  fs::path folder = !options.folder.empty() ? options.folder : topology ? topology->state_dir : ".";
  std::error_code error;
  if (options.folder.empty()) {
    while (!fs::exists(folder, error) && folder.has_relative_path()) folder = folder.parent_path();
  }
  folder = fs::canonical(folder, error);
  if (error || !fs::is_directory(folder)) {
    return fail(ErrorCode::kBadInput, "--dir " + options.folder + ": no such folder");
  }
  return folder.string();
}

BenchPlan plan_of(const BenchOptions& options) {
  if (options.events > 0) return {options.events, options.bytes, {}};
  return {kBytesDefault / options.bytes, options.bytes, kTimeDefault};
}

Result<void> check_room(const BenchPlan& plan, const BenchSettings& settings) {
  const std::uint64_t needed = bench_bytes_needed(plan);
  if (settings.disk.free_bytes >= needed) return {};
  return fail(ErrorCode::kFull, "it needs up to " + short_size(needed) + " in " + settings.folder +
                                    ", where " + short_size(settings.disk.free_bytes) +
                                    " are free; take fewer with --events, or another folder with "
                                    "--dir");
}

/// All but the queries.
Result<void> measure_pipeline(const BenchPlan& plan, const std::string& folder,
                              std::vector<Measured>& all) {
  const auto sidecar = BenchSidecar::start(folder, BenchRuns::streams());
  if (!sidecar) return fail(sidecar.error());
  BenchRuns runs(**sidecar, plan);
  const auto keep = [&](Result<Measured> measured) -> Result<void> {
    if (!measured) return fail(measured.error());
    all.push_back(std::move(*measured));
    return {};
  };
  if (auto done = keep(runs.publish()); !done) return done;
  if (auto done = keep(runs.end_to_end()); !done) return done;
  if (auto done = keep(runs.half_speed(all.back().per_second())); !done) return done;
  if (auto done = keep(runs.one_and_wait()); !done) return done;
  return keep(runs.replay());
}

int bench(const Globals& globals, const BenchOptions& options, bool topology_named) {
  StopSignals signals;
  const auto topology = topology_if_any(globals, topology_named);
  if (!topology) return exit_with(topology.error());
  const auto folder = folder_of(options, *topology);
  if (!folder) return exit_with(folder.error());
  const auto disk = disk_of(*folder);
  if (!disk) return exit_with(disk.error());
  const BenchPlan plan = plan_of(options);
  const BenchSettings settings{FOREBAY_VERSION, this_machine(), *disk,
                               *folder,         plan.events,    plan.event_bytes};
  if (auto room = check_room(plan, settings); !room) return exit_with(room.error());

  std::vector<Json> questions;
  std::string query_endpoint;
  if (!options.query.empty()) {
    if (!*topology) return exit_with({ErrorCode::kBadInput, "--query needs a topology (-t)"});
    const auto node = reach_sourcing_node(**topology, options.node);
    if (!node) return exit_with(node.error());
    query_endpoint = node_endpoints(**topology, **node).query;
    auto read = read_questions(options.query);
    if (!read) return exit_with(read.error());
    questions = std::move(*read);
  }

  if (!globals.json) std::printf("%s\n", settings_text(settings).c_str());
  std::fflush(stdout);
  if (disk->mount.file_system == "tmpfs") {
    notice("this folder is in memory: nothing here waits for a disk (--dir names another)");
  }
  std::optional<Measured> queried;
  if (!questions.empty()) {
    auto measured = measure_queries(query_endpoint, questions, signals);
    if (!measured) return exit_with(measured.error());
    queried = std::move(*measured);
  }
  std::vector<Measured> all;
  if (auto measured = measure_pipeline(plan, *folder, all); !measured) {
    return exit_with(measured.error());
  }
  if (queried) {
    all.push_back(std::move(*queried));
  } else {
    notice(
        "queries were not measured: --query FILE asks a running sourcing node the file's "
        "questions");
  }
  std::printf("%s", globals.json ? (bench_json(settings, all).dump(2) + "\n").c_str()
                                 : measured_text(all).c_str());
  return kExitDone;
}

}  // namespace

void add_bench_verb(CLI::App& app, Globals& globals) {
  CLI::App* verb = add_verb(
      app, globals, "bench",
      "Measures this installation's machine and disk, with a sidecar of its own beside the "
      "topology's logs",
      "  forebay bench\n"
      "  forebay bench --size 1024 --events 200000 --json\n"
      "  forebay bench --query queries.ndjson     also asks the sourcing node of the topology\n"
      "It touches no stream or view of the topology, and removes what it made. What it measures "
      "is explained in docs/cli.md.\n"
      "Exit codes: 0 measured, 1 failed, stopped, or too little room on the disk, 2 bad usage.\n");
  add_json_flag(*verb, globals);
  auto options = std::make_shared<BenchOptions>();
  verb->add_option("--events", options->events,
                   "Events of each measurement (default: 512 MiB of them, or what goes in 3 s)")
      ->check(CLI::Range(std::uint64_t{1}, kEventsMax));
  verb->add_option("--size", options->bytes, "Bytes of an encoded event")
      ->check(
          CLI::Range(std::uint64_t{MadeEvents::kBytesMin}, std::uint64_t{limits::kEventBytesMax}))
      ->capture_default_str();
  verb->add_option("--dir", options->folder,
                   "Measure the disk of this folder (default: of the topology's state_dir; without "
                   "a topology, this folder)")
      ->type_name("FOLDER");
  auto* query =
      verb->add_option("--query", options->query,
                       "Questions as `query edd --file` takes them, for a sourcing node that runs")
          ->type_name("FILE");
  verb->add_option("--node", options->node, "The sourcing node (default: the only one)")
      ->type_name("NAME")
      ->needs(query);
  run_as(*verb, globals, [&globals, options, verb] {
    const bool named = verb->count("-t") > 0 || std::getenv("FOREBAY_TOPOLOGY") != nullptr;
    return bench(globals, *options, named);
  });
}

}  // namespace forebay
