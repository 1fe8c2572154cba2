// forebay-sourcing: flags, topology, lock, signals; the rest is server.h's and consumer.h's.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "common/base/logging.h"
#include "common/service/memory_faults.h"
#include "common/service/notify.h"
#include "common/service/signals.h"
#include "common/service/state_lock.h"
#include "nodes/sourcing/server.h"
#include "nodes/sourcing/view.h"
#include "nodes/wiring/wiring.h"
#include "topology/endpoints.h"
#include "topology/load.h"

namespace {

using namespace forebay;

constexpr int kFailed = 1;
constexpr int kBadInput = 2;

Result<void> run(const Topology& topology, const Node& node, StopSignals& signals) {
  auto options = consumer_options(topology, node.name);
  if (!options) return fail(options.error());
  const auto lock = StateLock::take(options->state_dir);
  if (!lock) return fail(lock.error());
  QueryServer* server = nullptr;
  options->on_progress = [&server] { server->on_progress(); };
  SourcingHandler handler;
  auto consumer = Consumer::open(std::move(*options), handler);
  if (!consumer) return fail(consumer.error());
  QueryServer queries({node_endpoints(topology, node).query, topology.alerts.beacon_silent,
                       topology.alerts.producer_silent, watch_options(topology, node.name)},
                      **consumer);
  server = &queries;
  if (auto bound = queries.bind(); !bound) return bound;
  (*consumer)->start();
  notify_ready("serving");
  spdlog::info("answering at {}", node_endpoints(topology, node).query);
  auto served = queries.serve(signals);
  notify_stopping();
  (*consumer)->stop();
  return served;
}

int start(const std::string& topology_path, const std::string& name) {
  const auto topology = load_topology(topology_path);
  if (!topology) {
    std::cerr << topology.error().message << '\n';
    return kBadInput;
  }
  const Node* node = topology->node(name);
  if (node == nullptr || node->kind != NodeKind::kSourcing) {
    std::cerr << "no node '" << name << "' of kind sourcing in " << topology_path << '\n';
    return kBadInput;
  }
  set_up_logging(name);
  explain_memory_faults(
      name,
      "if it is a view's, stop, move the folder `views` away, and start: the view is built anew");
  StopSignals signals;
  if (const auto done = run(*topology, *node, signals); !done) {
    spdlog::critical("{}", done.error().message);
    return kFailed;
  }
  spdlog::info("stopped");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Answers expected delivery dates from its own view of its upstreams.",
               "forebay-sourcing");
  std::string topology_path = default_topology_path();
  std::string name;
  app.add_option("-t,--topology", topology_path, "the topology file")->capture_default_str();
  app.add_option("NAME", name, "the node's name in the topology")->required();
  app.set_version_flag("--version", std::string("forebay-sourcing ") + FOREBAY_VERSION);
  app.footer(
      "Example: forebay-sourcing -t topology/demo.toml sourcing-1\nExit codes: 0 stopped, 1 "
      "failed, 2 bad usage or topology.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadInput;
  }
  return start(topology_path, name);
}
