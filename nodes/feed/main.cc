// forebay-feed: what it publishes of the topology; the rest is feed.h's and daemon.h's.
#include <spdlog/spdlog.h>

#include <filesystem>
#include <memory>

#include "nodes/feed/feed.h"
#include "topology/daemon/daemon.h"
#include "topology/endpoints.h"

namespace {

using namespace forebay;

/// What the feed publishes, and where.
Result<FeedOptions> options_of(const Topology& topology, const std::string& name,
                               const std::shared_ptr<Watch::Memory>& memory) {
  const Node* node = topology.node(name);
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
                     watch_options(topology, name, FOREBAY_VERSION, memory)};
}

Result<void> may_follow(const FeedOptions& now, const FeedOptions& next) {
  if (now.source == "-" || next.source == "-")
    return fail(ErrorCode::kBadInput, "stdin is read once, from the start: that takes a restart");
  if (!next.follow && !std::filesystem::exists(next.source))
    return fail(ErrorCode::kBadInput, "there is no file " + next.source);
  return {};
}

void say(const FeedSummary& fed, const std::string& folder) {
  if (fed.unfinished > 0) {
    spdlog::warn("the last line has no newline: its {} bytes were left alone (append one)",
                 fed.unfinished);
  }
  spdlog::info("{} lines, {} published, {} rejected{}, acknowledged up to {} ({})", fed.lines,
               fed.published, fed.rejected,
               fed.rejected > 0 ? " (see " + folder + "/rejects.ndjson)" : "", fed.acknowledged,
               fed.token);
}

Result<void> serve(const FeedOptions& options, StopSignals& signals) {
  const auto fed = run_feed(options, signals);
  if (!fed) return fail(fed.error());
  say(*fed, options.state_dir);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const auto memory = std::make_shared<Watch::Memory>();
  return run_daemon<FeedOptions>(
      {.texts = {.program = "forebay-feed",
                 .version = FOREBAY_VERSION,
                 .called = "feed",
                 .about = "Publishes the lines of a file, one event in JSON each, to its stream.",
                 .more =
                     "Example: forebay-feed -t topology/demo.toml inventory-feed\nLines that are "
                     "no events are set aside in rejects.ndjson in its state folder.\nExit "
                     "codes: 0 the file has ended or it was stopped, 1 failed, 2 bad usage, "
                     "topology or file."},
       .names = [](const Topology& topology) { return names_of(topology, NodeKind::kFeed); },
       .options_of = [&](const Topology& topology,
                         const std::string& name) { return options_of(topology, name, memory); },
       .may_follow = may_follow,
       .serve = serve},
      argc, argv);
}
