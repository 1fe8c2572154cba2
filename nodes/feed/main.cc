// forebay-feed: flags, topology, lock, signals; the rest is feed.h's.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "common/base/logging.h"
#include "common/service/signals.h"
#include "common/service/state_lock.h"
#include "nodes/feed/feed.h"
#include "nodes/wiring/wiring.h"
#include "topology/endpoints.h"
#include "topology/load.h"

namespace {

constexpr int kFailed = 1;
constexpr int kBadInput = 2;

int run(const std::string& topology_path, const std::string& name) {
  using namespace forebay;
  const auto topology = load_topology(topology_path);
  if (!topology) {
    std::cerr << topology.error().message << '\n';
    return kBadInput;
  }
  const Node* node = topology->node(name);
  if (node == nullptr || node->kind != NodeKind::kFeed) {
    std::cerr << "no feed '" << name << "' in " << topology_path << '\n';
    return kBadInput;
  }
  set_up_logging(name);
  StopSignals signals;
  const std::string& stream = node->publishes.front();
  const auto endpoints = endpoints_for(*topology, node->host, *topology->owner_of(stream));
  if (!endpoints) {
    spdlog::critical("{}", endpoints.error().message);
    return kBadInput;
  }
  const std::string folder = state_folder(*topology, name);
  const auto lock = StateLock::take(folder);
  if (!lock) {
    spdlog::critical("{}", lock.error().message);
    return kFailed;
  }
  const auto fed = run_feed({name, folder, node->source, node->follow, stream, endpoints->ingest,
                             endpoints->control, watch_options(*topology, name)},
                            signals);
  if (!fed) {
    spdlog::critical("{}", fed.error().message);
    // A followed file that is not there may still come.
    const bool ours = fed.error().code == ErrorCode::kBadInput ||
                      (fed.error().code == ErrorCode::kNotFound && !node->follow);
    return ours ? kBadInput : kFailed;
  }
  if (fed->unfinished > 0) {
    spdlog::warn("the last line has no newline: its {} bytes were left alone (append one)",
                 fed->unfinished);
  }
  spdlog::info("{} lines, {} published, {} rejected{}, acknowledged up to {} ({})", fed->lines,
               fed->published, fed->rejected,
               fed->rejected > 0 ? " (see " + folder + "/rejects.ndjson)" : "", fed->acknowledged,
               fed->token);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Publishes the lines of a file, one event in JSON each, to its stream.",
               "forebay-feed");
  std::string topology_path = forebay::default_topology_path();
  std::string name;
  app.add_option("-t,--topology", topology_path, "the topology file")->capture_default_str();
  app.add_option("NAME", name, "the feed's name in the topology")->required();
  app.set_version_flag("--version", std::string("forebay-feed ") + FOREBAY_VERSION);
  app.footer(
      "Example: forebay-feed -t topology/demo.toml inventory-feed\nLines that are no events are "
      "set aside in rejects.ndjson in its state folder.\nExit codes: 0 the file has ended or it "
      "was stopped, 1 failed, 2 bad usage, topology or file.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadInput;
  }
  return run(topology_path, name);
}
