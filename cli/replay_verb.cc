// forebay replay: a bounded range of a stream once more, into a file, stdout or a scratch view;
// never into a live view.
#include <fnmatch.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/node_client.h"
#include "cli/verb.h"
#include "common/base/limits.h"
#include "common/base/mailbox.h"
#include "common/client/range_reader.h"
#include "common/event/event_codec.h"
#include "common/event/event_json.h"
#include "topology/endpoints.h"

namespace forebay {
namespace {

using Steady = std::chrono::steady_clock;

struct Options {
  std::string stream, from = "start", to = "end", into, view, out, type, subject;
  double rate = 0;
  double pace = 0;
  bool dry_run = false;
};

struct Summary {
  std::uint64_t read = 0;
  std::uint64_t written = 0;
  std::uint64_t lost = 0;
};

bool matches(const std::string& glob, std::string_view text) {
  return glob.empty() || ::fnmatch(glob.c_str(), std::string(text).c_str(), 0) == 0;
}

/// Waits so that events leave at the rate, or as far apart as they were committed, divided by the
/// pace.
class Pacer {
 public:
  Pacer(double rate, double pace) : rate_(rate), pace_(pace) { poller_.add(never_.descriptor()); }

  void wait_for_turn(WallTime committed) {
    if (rate_ <= 0 && pace_ <= 0) return;
    if (count_ == 0) {
      begin_ = Steady::now();
      first_ = committed;
    }
    const double seconds = rate_ > 0
                               ? static_cast<double>(count_) / rate_
                               : std::chrono::duration<double>(committed - first_).count() / pace_;
    ++count_;
    const auto turn = begin_ + std::chrono::duration_cast<Steady::duration>(
                                   std::chrono::duration<double>(seconds));
    while (Steady::now() < turn) {
      poller_.wait(std::chrono::ceil<std::chrono::milliseconds>(turn - Steady::now()));
    }
  }

 private:
  double rate_, pace_;
  std::uint64_t count_ = 0;
  Steady::time_point begin_{};
  WallTime first_{};
  Mailbox<char> never_;
  Poller poller_;
};

Result<void> write_events(const RangeReader::Events& events, const Options& options, Pacer& pacer,
                          std::FILE* out, Summary& summary) {
  const BatchHeader& header = events.batch.header();
  EventRecords records = events.batch.events();
  std::uint64_t index = 0;
  for (auto encoded = records.next(); encoded; encoded = records.next(), ++index) {
    if (index < events.skip || index >= events.skip + events.count) continue;
    ++summary.read;
    const auto event = decode_event(*encoded, events.batch.shared());
    if (!event)
      return fail(event.error().in("event " + std::to_string(header.first().value + index)));
    if (!matches(options.type, event->type) || !matches(options.subject, event->subject)) continue;
    ++summary.written;
    if (options.dry_run) continue;
    pacer.wait_for_turn(header.place.commit_time);
    const auto line = event_to_json(*event, header, index);
    if (!line) return fail(line.error());
    if (std::fprintf(out, "%s\n", line->c_str()) < 0) return fail_errno("cannot write", errno);
  }
  return {};
}

Result<Summary> write_range(ControlClient& client, const RangeReader::Range& range,
                            const Options& options, std::FILE* out) {
  RangeReader reader(client, range);
  Pacer pacer(options.rate, options.pace);
  Summary summary;
  while (true) {
    const auto piece = reader.next(limits::kCommandTimeout);
    if (!piece) return fail(piece.error());
    if (!*piece) return summary;
    if (const auto* events = std::get_if<RangeReader::Events>(&**piece)) {
      if (auto written = write_events(*events, options, pacer, out, summary); !written)
        return fail(written.error());
      continue;
    }
    const auto& missing = std::get<RangeReader::Missing>(**piece);
    notice(std::to_string(missing.count) + " events from " + std::to_string(missing.first.value) +
           " on are not in the log: " + missing.reason);
    summary.lost += missing.count;
  }
}

int finish(const Globals& globals, const Options& options, const Summary& summary) {
  const std::string verb = options.dry_run ? "would replay " : "replayed ";
  if (globals.json) {
    std::fprintf(
        stderr, "%s\n",
        print_json({{"read", summary.read}, {"replayed", summary.written}, {"lost", summary.lost}})
            .c_str());
  } else {
    notice(verb + std::to_string(summary.written) + " of " + std::to_string(summary.read) +
           " events; " + std::to_string(summary.lost) + " lost");
  }
  return summary.lost > 0 ? kExitFailed : kExitDone;
}

int replay_to_file(const Globals& globals, const Options& options, ControlClient& client,
                   const RangeReader::Range& range) {
  const bool to_stdout = options.out.empty() || options.out == "-";
  std::FILE* out = to_stdout || options.dry_run ? stdout : std::fopen(options.out.c_str(), "w");
  if (out == nullptr) return exit_with(fail_errno("cannot write " + options.out, errno).value());
  const auto summary = write_range(client, range, options, out);
  const bool closed = out == stdout ? std::fflush(out) == 0 : std::fclose(out) == 0;
  if (!summary) return exit_with(summary.error());
  if (!closed) return exit_with(fail_errno("cannot write " + options.out, errno).value());
  return finish(globals, options, *summary);
}

int replay_into_node(const Globals& globals, const Topology& topology, const Options& options,
                     const RangeReader::Range& range) {
  const auto node = askable_node(topology, options.into);
  if (!node) return exit_with(node.error());
  if (options.view.empty()) {
    notice("node '" + options.into +
           "' keeps a live view: a replay into it would double deltas and bring old values back. "
           "Build a scratch view "
           "beside it with --view NAME, or a fresh live one with `forebay rebuild " +
           options.into + "`");
    return kExitBadInput;
  }
  if (!options.type.empty() || !options.subject.empty() || options.rate > 0 || options.pace > 0) {
    notice(
        "--type, --subject, --rate and --pace go with --out: a view is built of whole streams, as "
        "fast as it can be");
    return kExitBadInput;
  }
  const std::uint64_t count = range.to.value - range.from.value;
  if (options.dry_run || count == 0) return finish(globals, options, {count, count, 0});
  const auto built = build_view(topology, **node, options.view, {{options.stream, range.from}},
                                {{options.stream, range.to - 1}});
  if (!built) return exit_with(built.error());
  notice("view '" + options.view + "' of " + options.into + " is ready: query it with --view " +
         options.view);
  return finish(globals, options, {count, count, 0});
}

int replay(const Globals& globals, const Options& options) {
  if (!options.into.empty() && !options.out.empty()) {
    notice("--into and --out exclude each other");
    return kExitBadInput;
  }
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  const Sidecar* owner = topology->owner_of(options.stream);
  if (owner == nullptr)
    return exit_with({ErrorCode::kNotFound, "no stream '" + options.stream + "' in this topology"});
  const auto endpoints = endpoints_for(*topology, owner->host, *owner);
  if (!endpoints) return exit_with(endpoints.error());
  const auto client = ControlClient::connect(endpoints->control);
  if (!client) return exit_with(client.error());
  const auto from =
      resolve_position(**client, options.stream, options.from, limits::kCommandTimeout);
  if (!from) return exit_with(from.error().in("--from"));
  const auto to = resolve_position(**client, options.stream, options.to, limits::kCommandTimeout);
  if (!to) return exit_with(to.error().in("--to"));
  if (to->sequence < from->sequence) {
    notice("--to lies before --from");
    return kExitBadInput;
  }
  const RangeReader::Range range{options.stream, from->sequence, to->sequence, from->incarnation};
  if (!options.into.empty()) return replay_into_node(globals, *topology, options, range);
  if (range.from == range.to) return finish(globals, options, {});
  return replay_to_file(globals, options, **client, range);
}

}  // namespace

void add_replay_verb(CLI::App& app, Globals& globals) {
  CLI::App* verb = add_verb(
      app, globals, "replay",
      "Reads a bounded range of a stream again, into a file, stdout or a scratch view of a node",
      "  forebay replay inventory --from 2026-03-01T00:00:00Z --to 2026-03-02T00:00:00Z --out "
      "march-1.ndjson\n"
      "  forebay replay inventory --from 1 --to 1000 --type 'stock.*' --rate 500\n"
      "  forebay replay inventory --to 5000 --into sourcing-1 --view trial\n"
      "The summary goes to stderr. No live cursor moves and no live view is touched.\n");
  auto options = std::make_shared<Options>();
  verb->add_option("STREAM", options->stream, "the stream")->required();
  verb->add_option("--from", options->from, "first event: start, a sequence, a token or a time")
      ->capture_default_str();
  verb->add_option("--to", options->to,
                   "end, not itself included: end, a sequence, a token or a time")
      ->capture_default_str();
  verb->add_option("--into", options->into, "a node that builds a scratch view of it (--view)");
  verb->add_option("--view", options->view, "the scratch view's name");
  verb->add_option("--out", options->out,
                   "a file for the events as NDJSON, or - for stdout (the default)");
  verb->add_option("--type", options->type, "only events whose type matches this glob");
  verb->add_option("--subject", options->subject, "only events whose subject matches this glob");
  auto* rate = verb->add_option("--rate", options->rate, "at most so many events a second")
                   ->check(CLI::PositiveNumber);
  verb->add_option("--pace", options->pace,
                   "as far apart as they were committed, divided by this: 1 is as it was")
      ->check(CLI::PositiveNumber)
      ->excludes(rate);
  verb->add_flag("--dry-run", options->dry_run, "only counts");
  add_json_flag(*verb, globals);
  run_as(*verb, globals, [&globals, options] { return replay(globals, *options); });
}

}  // namespace forebay
