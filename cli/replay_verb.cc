// forebay replay: a bounded range of a stream once more, into a file, a node whose handler keeps no
// view, or a scratch view; never into a live view.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/node_client.h"
#include "cli/range_replay.h"
#include "cli/reach.h"
#include "cli/verb.h"
#include "common/base/limits.h"
#include "common/event/event_json.h"

namespace forebay {
namespace {

struct ReplayOptions {
  std::string stream, from = "start", to = "end", into, view, out;
  Selection selection;
  ReplayPace pace;
  bool dry_run = false;

  [[nodiscard]] bool to_stdout() const { return into.empty() && (out.empty() || out == "-"); }
};

class FileSink final : public ReplaySink {
 public:
  FileSink(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}

  Result<void> take(const Item& item) override {
    const auto line = event_to_json(item.event, item.batch.header(), item.index);
    if (!line) return fail(line.error());
    if (std::fprintf(file_, "%s\n", line->c_str()) < 0) return failure();
    return {};
  }
  Result<std::uint64_t> flush() override {
    if (std::fflush(file_) != 0) return failure();
    return 0;
  }

 private:
  [[nodiscard]] tl::unexpected<Error> failure() const {
    return fail_errno("cannot write to " + path_, errno);
  }
  std::string path_;
  std::FILE* file_;
};

class NodeSink final : public ReplaySink {
 public:
  NodeSink(NodeClient& node, std::string stream) : node_(node), stream_(std::move(stream)) {}

  Result<void> take(const Item& item) override {
    request_.stream = stream_;
    request_.commit_time = item.batch.header().place.commit_time;
    request_.shared = item.batch.shared();
    request_.producer = item.batch.header().origin.producer;
    request_.producer_sequence = item.batch.header().origin.last;
    request_.first = item.batch.header().first();
    request_.events.push_back({item.sequence(), item.encoded});
    return {};
  }
  Result<std::uint64_t> flush() override {
    if (request_.events.empty()) return 0;
    const auto outcome = node_.replay(request_);
    if (!outcome) {
      return fail(outcome.error().in("events " + text(request_.events.front()) + " to " +
                                     text(request_.events.back()) +
                                     " may have been replayed or not"));
    }
    for (const auto& refused : outcome->refused)
      notice("event " + std::to_string(refused.sequence.value) + " refused: " + refused.reason);
    request_.events.clear();
    return outcome->refused.size();
  }

 private:
  static std::string text(const ReplayRequest::Event& event) {
    return std::to_string(event.sequence.value);
  }
  NodeClient& node_;
  std::string stream_;
  ReplayRequest request_;  // borrows from the batch until the flush
};

bool subscribes_to(const Node& node, const std::string& stream) {
  return std::any_of(node.subscribes.begin(), node.subscribes.end(),
                     [&](const Interest& interest) { return interest.stream == stream; });
}

int finish(const Globals& globals, const ReplayOptions& options, const ReplaySummary& summary) {
  if (globals.json) {
    const Json json{{"read", summary.read},
                    {"replayed", summary.replayed},
                    {"refused", summary.refused},
                    {"lost", summary.lost}};
    const bool events_there = options.to_stdout() && !options.dry_run;
    std::fprintf(events_there ? stderr : stdout, "%s\n", print_json(json).c_str());
  } else {
    notice((options.dry_run ? "would replay " : "replayed ") + std::to_string(summary.replayed) +
           " of " + std::to_string(summary.read) + " events; " + std::to_string(summary.refused) +
           " refused, " + std::to_string(summary.lost) + " lost");
  }
  return summary.lost + summary.refused > 0 ? kExitFailed : kExitDone;
}

int replay_with(const Globals& globals, const ReplayOptions& options, ControlClient& client,
                const RangeReader::Range& range, ReplaySink* sink) {
  const auto summary = replay_range(client, range, options.selection, options.pace, sink);
  return summary ? finish(globals, options, *summary) : exit_with(summary.error());
}

int replay_to_file(const Globals& globals, const ReplayOptions& options, ControlClient& client,
                   const RangeReader::Range& range) {
  if (options.dry_run) return replay_with(globals, options, client, range, nullptr);
  const std::string path = options.to_stdout() ? "stdout" : options.out;
  std::FILE* file = options.to_stdout() ? stdout : std::fopen(options.out.c_str(), "w");
  if (file == nullptr) return exit_with(fail_errno("cannot write to " + path, errno).value());
  FileSink sink(path, file);
  const int code = replay_with(globals, options, client, range, &sink);
  if (file == stdout || std::fclose(file) == 0) return code;
  return exit_with(fail_errno("cannot write to " + path, errno).value());
}

int replay_into_handler(const Globals& globals, const Topology& topology, const Node& node,
                        const ReplayOptions& options, ControlClient& client,
                        const RangeReader::Range& range) {
  if (!options.view.empty()) {
    notice("node '" + node.name + "' keeps no view (replay = true): leave --view away");
    return kExitBadInput;
  }
  if (options.dry_run) return replay_with(globals, options, client, range, nullptr);
  const auto asked = NodeClient::connect(topology, node);
  if (!asked) return exit_with(asked.error());
  NodeSink sink(**asked, options.stream);
  return replay_with(globals, options, client, range, &sink);
}

int replay_into_view(const Globals& globals, const Topology& topology, const Node& node,
                     const ReplayOptions& options, const RangeReader::Range& range) {
  if (options.view.empty()) {
    notice("node '" + node.name +
           "' keeps a live view: a replay into it would double deltas and bring old values back. "
           "Build a scratch view beside it with --view NAME, or a fresh live one with `forebay "
           "rebuild " +
           node.name + "`" +
           (node.kind == NodeKind::kService
                ? "; if its handler keeps no view, write replay = true for it in the topology"
                : ""));
    return kExitBadInput;
  }
  if (!options.selection.takes_all() || options.pace.rate > 0 || options.pace.times > 0) {
    notice(
        "--type, --subject, --rate and --pace do not go with --view: a view is built of whole "
        "streams, as fast as it can be");
    return kExitBadInput;
  }
  const std::uint64_t count = range.to.value - range.from.value;
  if (!options.dry_run && count > 0) {
    const auto asked = NodeClient::connect(topology, node);
    if (!asked) return exit_with(asked.error());
    const auto built = (*asked)->build_view(options.view, {{options.stream, range.from}},
                                            {{options.stream, range.to - 1}});
    if (!built) return exit_with(built.error());
    notice("view '" + options.view + "' of " + node.name + " is ready: query it with --view " +
           options.view);
  }
  return finish(globals, options, {count, count, 0, 0});
}

int replay(const Globals& globals, const ReplayOptions& options) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  const Node* node = nullptr;
  if (!options.into.empty()) {
    const auto found = consumer_node(*topology, options.into);
    if (!found) return exit_with(found.error());
    node = *found;
    if (!subscribes_to(*node, options.stream)) {
      notice("node '" + node->name + "' does not subscribe to '" + options.stream +
             "': add it to its subscribes");
      return kExitBadInput;
    }
  }
  const auto sidecar = reach_stream(globals, *topology, options.stream);
  if (!sidecar) return exit_with(sidecar.error());
  const auto client = sidecar->control();
  if (!client) return exit_with(client.error());
  const auto position = [&](const char* option, const std::string& given) {
    auto resolved = resolve_position(**client, options.stream, given, limits::kRequestTimeout);
    // What the sidecar does not say is no fault of the option, which may not even have been given.
    if (!resolved && resolved.error().code == ErrorCode::kBadInput)
      resolved = fail(resolved.error().in(option));
    return resolved;
  };
  const auto from = position("--from", options.from);
  if (!from) return exit_with(from.error());
  const auto to = position("--to", options.to);
  if (!to) return exit_with(to.error());
  if (to->sequence < from->sequence) {
    notice("--to lies before --from");
    return kExitBadInput;
  }
  const RangeReader::Range range{options.stream, from->sequence, to->sequence, from->incarnation};
  if (node == nullptr) return replay_to_file(globals, options, **client, range);
  if (node->replay) return replay_into_handler(globals, *topology, *node, options, **client, range);
  return replay_into_view(globals, *topology, *node, options, range);
}

CLI::Validator above_zero() {
  return CLI::Validator(
      [](const std::string& text) {
        double number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        const bool whole = error == std::errc() && end == text.data() + text.size();
        return whole && number > 0 && std::isfinite(number) ? std::string()
                                                            : "'" + text + "' is no number above 0";
      },
      "NUMBER");
}

}  // namespace

void add_replay_verb(CLI::App& app, Globals& globals) {
  CLI::App* verb = add_verb(
      app, globals, "replay",
      "Reads a bounded range of a stream again: to stdout, a file, a node that keeps no view, or a "
      "scratch view",
      "  forebay replay inventory --from 2026-03-01T00:00:00Z --to 2026-03-02T00:00:00Z --out "
      "march-1.ndjson\n"
      "  forebay replay inventory --from 1 --to 1000 --type 'stock.*' --rate 500\n"
      "  forebay replay inventory --from 4711 --to 4712 --into audit\n"
      "  forebay replay inventory --to 5000 --into sourcing-1 --view trial\n"
      "A summary ends it, on stderr, or in JSON on stdout where the events do not go there. No "
      "live cursor moves and no live view is touched.\n");
  auto options = std::make_shared<ReplayOptions>();
  verb->add_option("STREAM", options->stream, "The stream")->required();
  verb->add_option("--from", options->from, "First event: start, a sequence, a token or a time")
      ->capture_default_str()
      ->type_name("POSITION");
  verb->add_option("--to", options->to,
                   "End, not itself included: end, a sequence, a token or a time")
      ->capture_default_str()
      ->type_name("POSITION");
  auto* into =
      verb->add_option("--into", options->into,
                       "A node of the topology with replay = true, whose handler sees the events "
                       "again; or, with --view, one that builds a view of them")
          ->type_name("NODE");
  verb->add_option("--view", options->view, "The scratch view's name")
      ->type_name("NAME")
      ->needs(into);
  verb->add_option("--out", options->out,
                   "A file for the events as NDJSON, or - for stdout (the default)")
      ->type_name("FILE")
      ->excludes(into);
  options->selection.add_options(*verb);
  auto* rate = verb->add_option("--rate", options->pace.rate, "At most so many events a second")
                   ->check(above_zero());
  verb->add_option("--pace", options->pace.times,
                   "As far apart as they were committed, divided by this: 1 is as it was")
      ->check(above_zero())
      ->excludes(rate);
  verb->add_flag("--dry-run", options->dry_run, "Only counts");
  add_json_flag(*verb, globals);
  add_key_option(*verb, globals);
  run_as(*verb, globals, [&globals, options] { return replay(globals, *options); });
}

}  // namespace forebay
