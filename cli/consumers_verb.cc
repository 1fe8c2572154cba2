// forebay consumers list | reset | forget
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/consumer_list.h"
#include "cli/node_client.h"
#include "cli/reach.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "common/base/limits.h"
#include "common/client/control_client.h"

namespace forebay {
namespace {

ConsumersHeard hear(const Globals& globals, const Topology& topology) {
  ConsumersHeard heard;
  heard.sidecars = reports_of_all(globals, topology, limits::kStatusTimeout);
  for (const Node& node : topology.nodes) {
    if (node.subscribes.empty()) continue;
    if (auto status = node_status(topology, node))
      heard.nodes.emplace(node.name, std::move(*status));
  }
  return heard;
}

int list(const Globals& globals) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  const ConsumersHeard heard = hear(globals, *topology);
  const Json all = consumer_list(*topology, heard);
  std::fputs((globals.json ? print_json(all) + "\n" : aligned(consumer_rows(all))).c_str(), stdout);
  int exit_code = kExitDone;
  for (const auto& [_, report] : heard.sidecars) {
    if (!report) exit_code = exit_with(report.error());
  }
  return exit_code;
}

struct ForgetOptions {
  std::string consumer, stream;
};

int forget(const Globals& globals, const ForgetOptions& options) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  const auto sidecar = reach_stream(globals, *topology, options.stream);
  if (!sidecar) return exit_with(sidecar.error());
  const auto client = sidecar->control();
  if (!client) return exit_with(client.error());
  const auto answer =
      (*client)->request(Forget{options.stream, options.consumer}, limits::kRequestTimeout);
  if (!answer) return exit_with(answer.error());
  notice(options.consumer + " no longer holds what it has yet to read of " + options.stream);
  return kExitDone;
}

struct ResetOptions {
  std::string node, stream;
  bool adopt = false, rebuild = false;
};

int reset(const Globals& globals, const ResetOptions& options) {
  if (options.adopt == options.rebuild) {
    notice(
        "say --adopt (keep the view, go on under the log's incarnation) or --rebuild (make a new "
        "view)");
    return kExitBadInput;
  }
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  const auto node = consumer_node(*topology, options.node);
  if (!node) return exit_with(node.error());
  const auto client = NodeClient::connect(*topology, **node);
  if (!client) return exit_with(client.error());
  const auto done = (*client)->ask(
      {{"op", "reset"}, {"stream", options.stream}, {"mode", options.adopt ? "adopt" : "rebuild"}},
      limits::kCommandTimeout);
  if (!done) return exit_with(done.error());
  notice(options.adopt
             ? options.stream + " goes on under the log's incarnation"
             : "a new view is being built; `forebay consumers list` shows when it is live");
  return kExitDone;
}

}  // namespace

void add_consumers_verb(CLI::App& app, Globals& globals) {
  CLI::App* verb = add_verb(
      app, globals, "consumers",
      "Shows consumers and their cursors; takes one out of DIVERGED; forgets one",
      "  forebay consumers list\n  forebay consumers reset sourcing-1 inventory --rebuild\n");
  verb->require_subcommand(1);
  CLI::App* list_verb =
      add_verb(*verb, globals, "list", "Where each consumer stands in each of its streams",
               "  forebay consumers list --json\n");
  add_json_flag(*list_verb, globals);
  add_key_option(*list_verb, globals);
  run_as(*list_verb, globals, [&globals] { return list(globals); });

  CLI::App* forget_verb =
      add_verb(*verb, globals, "forget",
               "Forgets a consumer that is gone, so that retention no longer waits for it",
               "  forebay consumers forget old-sourcing inventory\n");
  auto forgotten = std::make_shared<ForgetOptions>();
  forget_verb->add_option("CONSUMER", forgotten->consumer, "its name")->required();
  forget_verb->add_option("STREAM", forgotten->stream, "what it read")->required();
  add_key_option(*forget_verb, globals);
  run_as(*forget_verb, globals, [&globals, forgotten] { return forget(globals, *forgotten); });

  CLI::App* reset_verb =
      add_verb(*verb, globals, "reset", "Takes a stream of a consumer out of DIVERGED",
               "  forebay consumers reset sourcing-1 inventory --adopt\n");
  auto options = std::make_shared<ResetOptions>();
  reset_verb->add_option("NODE", options->node, "the consumer")->required();
  reset_verb->add_option("STREAM", options->stream, "the stream that diverged")->required();
  reset_verb->add_flag("--adopt", options->adopt,
                       "keep view and sequence under the log's incarnation");
  reset_verb->add_flag("--rebuild", options->rebuild, "make a new view from the logs");
  run_as(*reset_verb, globals, [&globals, options] { return reset(globals, *options); });
}

}  // namespace forebay
