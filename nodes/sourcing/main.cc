// forebay-sourcing: flags, topology, lock, signals; the rest is server.h's and consumer.h's.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <optional>

#include "common/base/logging.h"
#include "common/service/journal.h"
#include "common/service/memory_faults.h"
#include "common/service/notify.h"
#include "common/service/signals.h"
#include "common/service/state_lock.h"
#include "nodes/sourcing/server.h"
#include "nodes/sourcing/view.h"
#include "nodes/wiring/wiring.h"
#include "topology/endpoints.h"
#include "topology/load.h"
#include "topology/reload.h"

namespace {

using namespace forebay;

constexpr int kFailed = 1;
constexpr int kBadInput = 2;

/// What the node serves of the topology.
struct Options {
  Consumer::Options consumer;
  QueryServer::Options queries;
};

Result<Options> options_of(const Topology& topology, const std::string& name) {
  const Node* node = topology.node(name);
  if (node == nullptr || node->kind != NodeKind::kSourcing)
    return fail(ErrorCode::kBadInput, "no node '" + name + "' of kind sourcing in the topology");
  auto consumer = consumer_options(topology, name);
  if (!consumer) return fail(consumer.error());
  return Options{std::move(*consumer),
                 {node_endpoints(topology, *node).query, topology.alerts.beacon_silent,
                  topology.alerts.producer_silent, watch_options(topology, name)}};
}

Result<void> serve(Options options, StopSignals& signals) {
  QueryServer* server = nullptr;
  options.consumer.on_progress = [&server] { server->on_progress(); };
  SourcingHandler handler;
  auto consumer = Consumer::open(std::move(options.consumer), handler);
  if (!consumer) return fail(consumer.error());
  QueryServer queries(options.queries, **consumer);
  server = &queries;
  if (auto bound = queries.bind(); !bound) return bound;
  (*consumer)->start();
  notify_ready("serving");
  spdlog::info("answering at {}", options.queries.endpoint);
  auto served = queries.serve(signals);
  (*consumer)->stop();
  return served;
}

int failed(const Error& error) {
  spdlog::critical("{}", error.message);
  return kFailed;
}

/// What a new start does not mend: the topology, a key.
int unfit(const Error& error) {
  spdlog::critical("{}", error.message);
  const bool ours = error.code == ErrorCode::kBadInput || error.code == ErrorCode::kNotFound;
  return ours ? kBadInput : kFailed;
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
  set_up_service_logging(name);
  set_log_level(topology->log_level);
  explain_memory_faults(
      name,
      "if it is a view's, stop, move the folder `views` away, and start: the view is built anew");
  std::optional<Options> serving, next;
  StopSignals signals([&] {
    return reread(topology_path, [&](const Topology& changed) -> Result<void> {
      auto options = options_of(changed, name);
      if (!options) return fail(options.error());
      if (auto same =
              stays("state folder", serving->consumer.state_dir, options->consumer.state_dir);
          !same)
        return same;
      next = std::move(*options);
      next->queries.watch.book = serving->queries.watch.book;
      return {};
    });
  });
  auto options = options_of(*topology, name);
  if (!options) return unfit(options.error());
  next = std::move(*options);
  const auto lock = StateLock::take(next->consumer.state_dir);
  if (!lock) return failed(lock.error());
  while (next && !signals.stopped()) {
    serving = std::exchange(next, std::nullopt);
    if (const auto served = serve(*serving, signals); !served) return failed(served.error());
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
