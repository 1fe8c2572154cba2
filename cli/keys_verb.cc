// forebay keys generate, forebay keys promote
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "cli/verb.h"
#include "common/base/files.h"
#include "common/base/ids.h"
#include "common/wire/secret_file.h"
#include "topology/endpoints.h"
#include "topology/load.h"
#include "topology/problem.h"

namespace forebay {
namespace {

struct KeysOptions {
  std::string name;
  std::string out;
  bool next = false;
};

Result<void> check_known(const Topology& topology, const std::string& name) {
  std::vector<std::string_view> names;
  for (const Sidecar& each : topology.sidecars) names.push_back(each.name);
  for (const Node& each : topology.nodes) names.push_back(each.name);
  if (std::find(names.begin(), names.end(), name) != names.end()) return {};
  return fail(ErrorCode::kBadInput,
              "there is no sidecar or node " + in_quotes(name) + "; " +
                  mend_name(name, names, "for a person, say with --out where the secret is to be"));
}

/// Where a new secret goes.
Result<std::string> place(const Globals& globals, const KeysOptions& options) {
  if (!is_name(options.name)) {
    return fail(ErrorCode::kBadInput,
                "NAME: a name has 1 to 64 of a-z, 0-9, '.', '_' and '-', the first a letter or "
                "digit");
  }
  if (!options.out.empty()) {
    if (!options.next) return options.out;
    return fail(ErrorCode::kBadInput,
                "--next is for a sidecar or node; a person's new key goes into another file: name "
                "it with --out alone");
  }
  const auto topology = load_topology(globals.topology_path, Keys::kToCome);
  if (!topology) return fail(topology.error());
  if (auto known = check_known(*topology, options.name); !known) return fail(known.error());
  const std::string folder = state_folder(*topology, options.name);
  if (auto made = make_private_folder(folder); !made) return fail(made.error());
  return options.next ? next_secret_path(folder) : secret_path(folder);
}

int generate(const Globals& globals, const KeysOptions& options) {
  const auto path = place(globals, options);
  if (!path) return exit_with(path.error());
  const KeyPair keys = make_key_pair();
  if (auto written = write_secret(*path, keys); !written) return exit_with(written.error());
  // TOML takes a dot for the name of a table.
  const bool bare = options.name.find('.') == std::string::npos;
  const std::string name = bare ? options.name : '"' + options.name + '"';
  std::printf("%s = \"%s\"\n", name.c_str(), keys.public_key.c_str());
  notice(
      "the secret is in " + *path + "; put the line above under " +
      (options.out.empty() ? "[keys]" : "[operators]") + " of the topology, on every host" +
      (options.next ? ", beside the key that is there: docs/security.md has the next steps" : ""));
  return kExitDone;
}

int promote(const Globals& globals, const KeysOptions& options) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  if (auto known = check_known(*topology, options.name); !known) return exit_with(known.error());
  const std::string folder = state_folder(*topology, options.name);
  const auto next = read_secret(next_secret_path(folder));
  if (!next) {
    return exit_with(
        next.error().code == ErrorCode::kNotFound
            ? Error{ErrorCode::kNotFound, "there is no " + next_secret_path(folder) +
                                              ": make it with `forebay keys generate " +
                                              options.name + " --next`"}
            : next.error());
  }
  const Identity* identity = topology->keys_of(options.name);
  const bool listed = identity != nullptr && std::find(identity->keys.begin(), identity->keys.end(),
                                                       next->public_key) != identity->keys.end();
  if (!listed) {
    notice("the new key of '" + options.name + "' is not under [keys] of " + globals.topology_path +
           ": add \"" + next->public_key + "\" there first, on every host");
    return kExitBadInput;
  }
  std::error_code error;
  std::filesystem::rename(next_secret_path(folder), secret_path(folder), error);
  if (error) {
    notice("cannot rename " + next_secret_path(folder) + ": " + error.message());
    return kExitFailed;
  }
  if (auto synced = sync_folder(folder); !synced) return exit_with(synced.error());
  notice("reload (or restart) '" + options.name +
         "', if all that talk to it have read the topology since its second key is in it; then "
         "remove the old key there");
  return kExitDone;
}

}  // namespace

void add_keys_verb(CLI::App& app, Globals& globals) {
  CLI::App* keys = app.add_subcommand("keys", "Secrets by which hosts know each other");
  keys->require_subcommand(1);
  const auto options = std::make_shared<KeysOptions>();
  CLI::App* make =
      add_verb(*keys, globals, "generate", "Makes a secret key and prints its public one",
               "  forebay keys generate inventory\n");
  make->add_option("NAME", options->name, "of a sidecar, node or person")->required();
  make->add_option("--out", options->out, "the secret's file, for a person");
  make->add_flag("--next", options->next, "beside the one in use, to take its place");
  run_as(*make, globals, [&globals, options] { return generate(globals, *options); });
  CLI::App* use =
      add_verb(*keys, globals, "promote", "Puts the next secret into the place of the one in use",
               "  forebay keys promote inventory\n");
  use->add_option("NAME", options->name, "of a sidecar or node")->required();
  run_as(*use, globals, [&globals, options] { return promote(globals, *options); });
}

}  // namespace forebay
