// forebay-sourcing: what it serves of the topology; the rest is server.h's, consumer.h's and daemon.h's.
#include <spdlog/spdlog.h>

#include <memory>

#include "nodes/sourcing/server.h"
#include "nodes/sourcing/view.h"
#include "nodes/wiring/wiring.h"
#include "topology/daemon/daemon.h"
#include "topology/endpoints.h"

namespace {

using namespace forebay;

/// What the node serves of the topology.
struct Options {
  Consumer::Options consumer;
  QueryServer::Options queries;
};

Result<Options> options_of(const Topology& topology, const std::string& name,
                           const std::shared_ptr<Watch::Memory>& memory) {
  auto consumer = consumer_options(topology, name);
  if (!consumer) return fail(consumer.error());
  return Options{
      std::move(*consumer),
      {node_endpoints(topology, *topology.node(name)).query, topology.alerts.beacon_silent,
       topology.alerts.producer_silent, watch_options(topology, name, FOREBAY_VERSION, memory)}};
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
  signals.set_ready("serving");
  spdlog::info("answering at {}", options.queries.endpoint);
  auto served = queries.serve(signals);
  (*consumer)->stop();
  return served;
}

}  // namespace

int main(int argc, char** argv) {
  const auto memory = std::make_shared<Watch::Memory>();
  return run_daemon<Options>(
      {.texts = {.program = "forebay-sourcing",
                 .version = FOREBAY_VERSION,
                 .called = "sourcing node",
                 .about = "Answers expected delivery dates from its own view of its upstreams.",
                 .more =
                     "Example: forebay-sourcing -t topology/demo.toml sourcing-1\nExit codes: 0 "
                     "stopped, 1 failed, 2 bad usage or topology."},
       .names = [](const Topology& topology) { return names_of(topology, NodeKind::kSourcing); },
       .options_of = [&](const Topology& topology,
                         const std::string& name) { return options_of(topology, name, memory); },
       .serve = serve,
       .advice =
           [](const std::string&) {
             return "if it is a view's, stop, move the folder `views` away, and start: the view is "
                    "built anew";
           }},
      argc, argv);
}
