// forebay trace: one event, or all of a correlation or trace, over all streams.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/node_client.h"
#include "cli/reach.h"
#include "cli/table.h"
#include "cli/trace_report.h"
#include "cli/trace_search.h"
#include "cli/verb.h"
#include "common/base/limits.h"
#include "common/client/node_control.h"
#include "common/event/json_fields.h"

namespace forebay {
namespace {

struct TraceOptions {
  std::string id, from = "1h", to = "end";
};

/// What one node says of the events found, by stream; nothing of those it does not answer for.
std::map<std::string, Json> ask_node(
    const Topology& topology, const Node& node,
    const std::map<std::string, std::vector<std::uint64_t>>& found) {
  std::map<std::string, Json> answers;
  if (node.subscribes.empty()) return answers;  // it has no socket
  const auto client = reach_node(topology, node);
  if (!client) return answers;
  for (const Interest& interest : node.subscribes) {
    const auto sequences = found.find(interest.stream);
    if (sequences == found.end()) continue;
    Json all;
    for (std::size_t at = 0; at < sequences->second.size(); at += limits::kAppliedSequencesMax) {
      const std::size_t end = std::min(at + limits::kAppliedSequencesMax, sequences->second.size());
      Json some = Json::array();
      for (std::size_t i = at; i < end; ++i) some.push_back(sequences->second[i]);
      auto answer =
          (*client)->ask({{"op", "applied"}, {"stream", interest.stream}, {"sequences", some}},
                         limits::kRequestTimeout);
      if (!answer) {
        notice(answer.error().message);
        if (answer.error().code == ErrorCode::kTimeout) return answers;  // of no more use
        all = nullptr;
        break;
      }
      Json fates = at == 0 ? Json::array() : std::move(all["applied"]);
      for (const Json& fate : list_in(*answer, "applied")) fates.push_back(fate);
      all = std::move(*answer);
      all["applied"] = std::move(fates);
    }
    if (!all.is_null()) answers.emplace(interest.stream, std::move(all));
  }
  return answers;
}

/// All nodes at once, so that those which stand cost one timeout together.
AppliedAnswers ask_nodes(const Topology& topology, const std::vector<TracedEvent>& events) {
  std::map<std::string, std::vector<std::uint64_t>> found;
  for (const TracedEvent& event : events) found[event.stream].push_back(event.sequence.value);
  std::vector<std::future<std::map<std::string, Json>>> asked;
  for (const Node& node : topology.nodes)
    asked.push_back(
        std::async(std::launch::async, [&] { return ask_node(topology, node, found); }));
  AppliedAnswers answers;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    for (auto& [stream, answer] : asked[i].get())
      answers.emplace(std::pair(topology.nodes[i].name, stream), std::move(answer));
  }
  return answers;
}

void print(const Globals& globals, const std::vector<TraceLine>& lines) {
  if (!globals.json) {
    if (!lines.empty()) std::fputs(aligned(trace_rows(lines)).c_str(), stdout);
    return;
  }
  for (const TraceLine& line : lines)
    std::puts(print_json(trace_json(line.event, line.producer, line.fates)).c_str());
}

/// An event that was asked for by its own id may be one of many.
void name_correlation(const Sought& sought, const std::vector<TraceLine>& lines) {
  for (const TraceLine& line : lines) {
    const Attributes& attributes = line.event.attributes;
    const std::string correlation = attribute_text(attributes, "correlationid");
    const bool is_meant = attribute_text(attributes, "id") == sought.text() || lines.size() == 1;
    if (!is_meant || correlation.empty() || correlation == sought.text()) continue;
    notice(line.event.stream + ':' + std::to_string(line.event.sequence.value) +
           " belongs to the correlation " + correlation + ": `forebay trace " + correlation +
           "` shows all of that");
    return;
  }
}

std::string in_words(const TraceOptions& options, const TraceRange& range) {
  return "from " + range.from + " to " + range.to +
         (options.from == "1h" ? " (the last hour, unless --from says more)" : "");
}

int trace(const Globals& globals, const TraceOptions& options) {
  const auto sought = Sought::of(options.id);
  if (!sought) return exit_with(sought.error());
  const auto range = trace_range(options.from, options.to, SystemClock().wall());
  if (!range) return exit_with(range.error());
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  const auto reports = reports_of_all(globals, *topology, limits::kRequestTimeout);
  TraceFound found = search_streams(globals, *topology, reports, *sought, *range);
  const AppliedAnswers answers = ask_nodes(*topology, found.events);
  std::vector<TraceLine> lines;
  for (TracedEvent& event : found.events) {
    const Json& report = *reports.at(event.sidecar);
    std::string producer = producer_name(report, event.producer);
    auto fates = consumer_fates(*topology, report, answers, event);
    lines.push_back({std::move(event), std::move(producer), std::move(fates)});
  }
  print(globals, lines);
  notice(std::to_string(lines.size()) + " of " + std::to_string(found.read) + " events, in " +
         std::to_string(found.streams) + (found.streams == 1 ? " stream, " : " streams, ") +
         in_words(options, *range));
  for (const std::string& each : found.unread) notice("not complete: " + each);
  name_correlation(*sought, lines);
  return lines.empty() || !found.unread.empty() ? kExitFailed : kExitDone;
}

}  // namespace

void add_trace_verb(CLI::App& app, Globals& globals) {
  CLI::App* verb = add_verb(
      app, globals, "trace",
      "Follows an event, or all of a correlation or trace, over all streams: when each was "
      "published, committed, and applied at each consumer",
      "  forebay trace order-4711\n"
      "  forebay trace 0af7651916cd43dd8448eb211c80319c --from 6h\n"
      "  forebay trace orders:17 --from 2026-03-01T09:00:00Z --to 2026-03-01T10:00:00Z --json\n"
      "Exit codes: 0 found, 1 nothing found or some of the range could not be read (said on "
      "stderr), 2 bad usage.\n");
  auto options = std::make_shared<TraceOptions>();
  verb->add_option("ID", options->id,
                   "An event's id, a correlation or causation id, a trace id or traceparent, "
                   "STREAM:SEQUENCE, or a token")
      ->required();
  verb->add_option("--from", options->from,
                   "Committed at or after: a time, how long ago (90s, 6h, 2d), or start")
      ->capture_default_str()
      ->type_name("MOMENT");
  verb->add_option("--to", options->to, "Committed before: a time, how long ago, or end")
      ->capture_default_str()
      ->type_name("MOMENT");
  add_json_flag(*verb, globals);
  add_key_option(*verb, globals);
  run_as(*verb, globals, [&globals, options] { return trace(globals, *options); });
}

}  // namespace forebay
