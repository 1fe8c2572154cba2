// What the verbs of `forebay` share: how one is added, how it ends. One file a verb, each with one
// add_…_verb function that main.cc calls:
//
//   void add_status_verb(CLI::App& app, Globals& globals) {
//     CLI::App* verb = add_verb(app, globals, "status", "Shows …", "  forebay status --watch\n");
//     add_json_flag(*verb, globals);
//     auto watch = std::make_shared<bool>(false);               // options outlive the parsing
//     verb->add_flag("--watch", *watch, "…");
//     run_as(*verb, globals, [&globals, watch] {                 // runs once everything is parsed
//       const auto topology = load(globals);
//       if (!topology) return exit_with(topology.error());
//       …
//       return kExitDone;
//     });
//   }
//
// Data goes to stdout, notices to stderr.
#pragma once

#include <functional>
#include <string>

#include "common/base/result.h"
#include "topology/topology.h"

namespace CLI {
class App;
}

namespace forebay {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitBadInput = 2;  // usage, files, names: the user has to change something

struct Globals {
  std::string topology_path;  // -t, else default_topology_path()
  std::string key_path;       // --key
  bool json = false;          // --json
  std::function<int()> run;   // the verb that was asked for
};

/// A verb with -t and --help; `examples` are lines of the help's end. `parent` is the program or a
/// verb of verbs.
CLI::App* add_verb(CLI::App& parent, Globals& globals, const std::string& name,
                   const std::string& description, const std::string& examples);
void add_json_flag(CLI::App& verb, Globals& globals);
/// For a verb that asks sidecars.
void add_key_option(CLI::App& verb, Globals& globals);
/// What the verb does, to its exit code.
void run_as(CLI::App& verb, Globals& globals, std::function<int()> run);

/// The topology that -t names, checked.
[[nodiscard]] Result<Topology> load(const Globals& globals);

/// A line on stderr, "forebay: `text`", or several; other control characters are shown as '?', since
/// some of it comes from peers.
void notice(const std::string& text);
/// The error as a notice, and its exit code: kExitBadInput for kBadInput and kNotFound, else
/// kExitFailed.
[[nodiscard]] int exit_with(const Error& error);

void add_publish_verb(CLI::App& app, Globals& globals);
void add_query_verb(CLI::App& app, Globals& globals);
void add_status_verb(CLI::App& app, Globals& globals);
void add_tail_verb(CLI::App& app, Globals& globals);
void add_trace_verb(CLI::App& app, Globals& globals);
void add_topology_verb(CLI::App& app, Globals& globals);
void add_up_verb(CLI::App& app, Globals& globals);
void add_replay_verb(CLI::App& app, Globals& globals);
void add_rebuild_verb(CLI::App& app, Globals& globals);
void add_consumers_verb(CLI::App& app, Globals& globals);
void add_producers_verb(CLI::App& app, Globals& globals);
void add_clock_verb(CLI::App& app, Globals& globals);
void add_bench_verb(CLI::App& app, Globals& globals);
void add_verify_verb(CLI::App& app, Globals& globals);
void add_backup_verbs(CLI::App& app, Globals& globals);
void add_keys_verb(CLI::App& app, Globals& globals);
void add_doctor_verb(CLI::App& app, Globals& globals);
void add_bundle_verb(CLI::App& app, Globals& globals);

}  // namespace forebay
