// forebay-feed: flags, topology, lock, signals; the rest is feed.h's.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <optional>

#include "common/base/logging.h"
#include "common/service/journal.h"
#include "common/service/signals.h"
#include "common/service/state_lock.h"
#include "nodes/feed/feed.h"
#include "nodes/wiring/wiring.h"
#include "topology/endpoints.h"
#include "topology/load.h"
#include "topology/reload.h"

namespace {

constexpr int kFailed = 1;
constexpr int kBadInput = 2;

/// What the feed publishes, and where.
forebay::Result<forebay::FeedOptions> options_of(const forebay::Topology& topology,
                                                 const std::string& name) {
  using namespace forebay;
  const Node* node = topology.node(name);
  if (node == nullptr || node->kind != NodeKind::kFeed)
    return fail(ErrorCode::kBadInput, "no feed '" + name + "' in the topology");
  const std::string& stream = node->publishes.front();
  const auto endpoints = endpoints_for(topology, node->host, *topology.owner_of(stream));
  if (!endpoints) return fail(ErrorCode::kBadInput, endpoints.error().message);
  return FeedOptions{name,
                     state_folder(topology, name),
                     node->source,
                     node->follow,
                     stream,
                     endpoints->ingest,
                     endpoints->control,
                     watch_options(topology, name)};
}

int failed(const forebay::Error& error, bool follow) {
  using forebay::ErrorCode;
  spdlog::critical("{}", error.message);
  // A followed file that is not there may still come.
  const bool ours =
      error.code == ErrorCode::kBadInput || (error.code == ErrorCode::kNotFound && !follow);
  return ours ? kBadInput : kFailed;
}

void say(const forebay::FeedSummary& fed, const std::string& folder) {
  if (fed.unfinished > 0) {
    spdlog::warn("the last line has no newline: its {} bytes were left alone (append one)",
                 fed.unfinished);
  }
  spdlog::info("{} lines, {} published, {} rejected{}, acknowledged up to {} ({})", fed.lines,
               fed.published, fed.rejected,
               fed.rejected > 0 ? " (see " + folder + "/rejects.ndjson)" : "", fed.acknowledged,
               fed.token);
}

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
  set_up_service_logging(name);
  set_log_level(topology->log_level);
  std::optional<FeedOptions> feeding, next;
  StopSignals signals([&] {
    return reread(topology_path, [&](const Topology& changed) -> Result<void> {
      auto options = options_of(changed, name);
      if (!options) return fail(options.error());
      if (auto same = stays("state folder", feeding->state_dir, options->state_dir); !same)
        return same;
      if (feeding->source == "-")
        return fail(ErrorCode::kBadInput, "stdin cannot be read again: that takes a restart");
      if (!options->follow && !std::filesystem::exists(options->source))
        return fail(ErrorCode::kBadInput, "there is no file " + options->source);
      next = std::move(*options);
      next->watch.book = feeding->watch.book;
      return {};
    });
  });
  auto options = options_of(*topology, name);
  if (!options) return failed(options.error(), false);
  next = std::move(*options);
  const auto lock = StateLock::take(next->state_dir);
  if (!lock) return failed(lock.error(), next->follow);
  while (next && !signals.stopped()) {
    feeding = std::exchange(next, std::nullopt);
    const auto fed = run_feed(*feeding, signals);
    if (!fed) return failed(fed.error(), feeding->follow);
    say(*fed, feeding->state_dir);
  }
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
