#include "cli/verb.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "common/base/printable.h"
#include "topology/load.h"

namespace forebay {

CLI::App* add_verb(CLI::App& parent, Globals& globals, const std::string& name,
                   const std::string& description, const std::string& examples) {
  CLI::App* verb = parent.add_subcommand(name, description);
  if (globals.topology_path.empty()) globals.topology_path = default_topology_path();
  verb->add_option("-t,--topology", globals.topology_path,
                   "Topology file (default: $FOREBAY_TOPOLOGY, /etc/forebay/topology.toml)")
      ->type_name("FILE");
  verb->footer("Examples:\n" + examples);
  return verb;
}

void add_json_flag(CLI::App& verb, Globals& globals) {
  verb.add_flag("--json", globals.json, "Print JSON, for programs");
}

void add_key_option(CLI::App& verb, Globals& globals) {
  verb.add_option("--key", globals.key_path,
                  "An operator's secret: asks over the network, from any host")
      ->type_name("FILE");
}

void run_as(CLI::App& verb, Globals& globals, std::function<int()> run) {
  verb.callback([&globals, run = std::move(run)] { globals.run = run; });
}

Result<Topology> load(const Globals& globals) { return load_topology(globals.topology_path); }

void notice(const std::string& text) {
  std::fprintf(stderr, "forebay: %s\n", printable(text, '\n').c_str());
}

int exit_with(const Error& error) {
  notice(error.message);
  return error.code == ErrorCode::kBadInput || error.code == ErrorCode::kNotFound ? kExitBadInput
                                                                                  : kExitFailed;
}

}  // namespace forebay
