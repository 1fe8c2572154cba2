// forebay rebuild
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/node_client.h"
#include "cli/reach.h"
#include "cli/verb.h"
#include "common/base/limits.h"
#include "common/client/range_reader.h"
#include "topology/endpoints.h"

namespace forebay {
namespace {

struct RebuildOptions {
  std::string node, until, view;
};

/// Where `until` (a sequence, a time, or "end") lies in each stream of the node: the last sequence
/// that belongs in.
Result<std::map<std::string, Sequence>> ends_of(const Topology& topology, const Node& node,
                                                const std::string& until) {
  std::map<std::string, Sequence> ends;
  std::optional<Sequence> number;  // of each stream, as far as it goes
  if (until.find_first_not_of("0123456789") == std::string::npos && until.size() < 20) {
    number = Sequence{std::stoull(until)};
  }
  for (const Interest& interest : node.subscribes) {
    const auto sidecar = reach_as(topology, node, *topology.owner_of(interest.stream));
    if (!sidecar) return fail(sidecar.error());
    const auto client = sidecar->control();
    if (!client) return fail(client.error());
    const auto head = resolve_position(**client, interest.stream, "end", limits::kCommandTimeout);
    if (!head) return fail(head.error().in(interest.stream));
    Sequence last = head->head;
    if (number) {
      last = std::min(last, *number);
    } else if (until != "end") {
      // A time means what was committed before it.
      const auto end = resolve_position(**client, interest.stream, until, limits::kCommandTimeout);
      if (!end) return fail(end.error().in(interest.stream));
      last = end->sequence - 1;
    }
    if (last.value > 0) ends[interest.stream] = last;
  }
  if (ends.empty()) {
    return fail(ErrorCode::kBadInput, "no stream of " + node.name + " has anything up to " + until +
                                          ": the view would be empty");
  }
  return ends;
}

int rebuild(const Globals& globals, const RebuildOptions& options) {
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
               "  forebay query edd --node sourcing-1 --view march --sku TENT-2P --to EU-W\n"
               "Exit codes: 0 done, 1 failed or refused (the live view is as it was), 2 bad "
               "usage.\n");
  auto options = std::make_shared<RebuildOptions>();
  verb->add_option("NODE", options->node, "The node that keeps the view")->required();
  verb->add_option("--until", options->until,
                   "A time: what was committed before it; or a sequence, the last one of each "
                   "stream; or end")
      ->type_name("TIME|SEQUENCE");
  verb->add_option("--view", options->view, "The name of the view of the past");
  add_json_flag(*verb, globals);
  run_as(*verb, globals, [&globals, options] { return rebuild(globals, *options); });
}

}  // namespace forebay
