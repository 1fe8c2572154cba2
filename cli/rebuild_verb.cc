// forebay rebuild
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/node_client.h"
#include "cli/verb.h"
#include "common/base/limits.h"
#include "common/client/range_reader.h"
#include "topology/endpoints.h"

namespace forebay {
namespace {

struct Options {
  std::string node, until, view;
};

/// Where `until` (a sequence, a token or a time) lies in each stream of the node: the last sequence
/// that belongs in.
Result<std::map<std::string, Sequence>> ends_of(const Topology& topology, const Node& node,
                                                const std::string& until) {
  std::map<std::string, Sequence> ends;
  for (const Interest& interest : node.subscribes) {
    const auto endpoints = endpoints_for(topology, node.host, *topology.owner_of(interest.stream));
    if (!endpoints) return fail(endpoints.error());
    const auto client = ControlClient::connect(endpoints->control);
    if (!client) return fail(client.error());
    const auto end = resolve_position(**client, interest.stream, until, limits::kCommandTimeout);
    if (!end) return fail(end.error().in(interest.stream));
    // A time means what was committed before it; a sequence is the last one itself.
    const bool is_time = until.find('T') != std::string::npos || until == "end";
    const Sequence last = is_time ? end->sequence - 1 : std::min(end->sequence, end->head);
    if (last.value > 0) ends[interest.stream] = last;
  }
  return ends;
}

int rebuild(const Globals& globals, const Options& options) {
  if (options.until.empty() != options.view.empty()) {
    notice(
        "--until and --view go together: a view of the past stays beside the live one, under its "
        "name");
    return kExitBadInput;
  }
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  const auto node = consumer_node(*topology, options.node);
  if (!node) return exit_with(node.error());
  std::map<std::string, Sequence> until;
  if (!options.until.empty()) {
    auto ends = ends_of(*topology, **node, options.until);
    if (!ends) return exit_with(ends.error());
    until = std::move(*ends);
  }
  const auto client = NodeClient::connect(*topology, **node);
  if (!client) return exit_with(client.error());
  const auto applied = (*client)->build_view(options.view, {}, until);
  if (!applied) return exit_with(applied.error());
  if (globals.json) {
    std::fprintf(
        stdout, "%s\n",
        print_json({{"node", options.node}, {"view", options.view}, {"sequences", *applied}})
            .c_str());
  } else if (options.view.empty()) {
    notice("the rebuilt view of " + options.node + " is live, " + std::to_string(*applied) +
           " sequences");
  } else {
    notice("view '" + options.view + "' of " + options.node + " is ready, " +
           std::to_string(*applied) + " sequences: query it with --view " + options.view);
  }
  return kExitDone;
}

}  // namespace

void add_rebuild_verb(CLI::App& app, Globals& globals) {
  CLI::App* verb =
      add_verb(app, globals, "rebuild",
               "Builds a fresh view of a node from the logs and swaps it in; or a view of the past "
               "beside it",
               "  forebay rebuild sourcing-1\n"
               "  forebay rebuild sourcing-1 --until 2026-03-01T00:00:00Z --view march\n"
               "  forebay query edd --node sourcing-1 --view march --sku mug --to EU-W\n");
  auto options = std::make_shared<Options>();
  verb->add_option("NODE", options->node, "the node that keeps the view")->required();
  verb->add_option("--until", options->until,
                   "a sequence, or a time: only what was committed before it");
  verb->add_option("--view", options->view, "the name of the view of the past");
  add_json_flag(*verb, globals);
  run_as(*verb, globals, [&globals, options] { return rebuild(globals, *options); });
}

}  // namespace forebay
