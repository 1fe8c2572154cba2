// forebay-olist-drive: plays a timeline of convert.py through the sidecars of a topology whose logs
// are empty, and measures. Prints its figures as one line of JSON.
//
//   play      publishes in the order of time and asks each order's delivery date on its way. A
//             question carries in at_least all that was published before it, and nothing later is
//             published before its answer is there: so each answer knows what was known then and
//             nothing later. At the end all are asked once more of the view at rest, for speed.
//   publish   publishes all events as fast as they are taken, and waits until the view has them.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>

#include "common/client/publisher.h"
#include "examples/olist/questions.h"
#include "examples/olist/timeline.h"
#include "topology/endpoints.h"
#include "topology/load.h"

namespace forebay::olist {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::minutes kPatience{2};  // with a sidecar
constexpr std::size_t kInFlight = 64;

struct Options {
  std::string topology_path = default_topology_path();
  std::string publisher = "olist";
  std::string sourcing = "sourcing-1";
  std::string timeline;
  std::string answers;
};

double seconds(Steady::duration took) { return std::chrono::duration<double>(took).count(); }

class Drive {
 public:
  explicit Drive(const Options& options) : options_(options), questions_(context_) {}

  /// One publisher a stream, each registered at an empty log, and the way to the sourcing node.
  Result<void> connect() {
    const auto topology = load_topology(options_.topology_path);
    if (!topology) return fail(topology.error());
    const Node* self = topology->node(options_.publisher);
    const Node* sourcing = topology->node(options_.sourcing);
    if (self == nullptr || sourcing == nullptr) {
      return fail(ErrorCode::kBadInput, "no node '" +
                                            (self ? options_.sourcing : options_.publisher) +
                                            "' in " + options_.topology_path);
    }
    for (const std::string& stream : self->publishes) {
      if (auto done = connect(*topology, *self, stream); !done) return done;
    }
    return questions_.connect(node_endpoints(*topology, *sourcing).query);
  }

  Result<Json> play() {
    auto timeline = Timeline::open(options_.timeline);
    if (!timeline) return fail(timeline.error());
    std::ofstream answers(options_.answers);
    std::vector<std::string> asked;
    Latencies latencies;
    const auto begin = Steady::now();
    while (true) {
      auto entry = timeline->next();
      if (!entry) return fail(entry.error());
      if (!*entry) break;
      if (const auto* event = std::get_if<TimelineEvent>(&**entry)) {
        if (auto done = publish(*event); !done) return fail(done.error());
        continue;
      }
      const auto& ask = std::get<Ask>(**entry);
      if (!all_published(ask.published)) {
        return fail(ErrorCode::kBadInput, "order " + ask.order_id + ": " + print_json(counts()) +
                                              " published, the timeline says " +
                                              print_json(ask.published));
      }
      const auto sent = Steady::now();
      const auto answer = questions_.ask(knowing_all(ask.query));
      if (!answer) return fail(answer.error().in("order " + ask.order_id));
      latencies.add(Steady::now() - sent);
      answers << print_json(line_of(ask, *answer)) << '\n';
      if (const auto encoded = msgpack_from_json(ask.query)) asked.push_back(*encoded);
    }
    const auto took = Steady::now() - begin;
    answers.close();
    if (!answers) return fail(ErrorCode::kIo, "cannot write " + options_.answers);
    auto at_rest = ask_at_rest(asked);
    if (!at_rest) return fail(at_rest.error());
    return Json{{"events", published()},
                {"seconds", seconds(took)},
                {"questions", latencies.figures()},
                {"at_rest", *at_rest}};
  }

  Result<Json> publish_all() {
    auto timeline = Timeline::open(options_.timeline);
    if (!timeline) return fail(timeline.error());
    std::vector<TimelineEvent> events;  // read before the clock starts
    Json question;
    while (true) {
      auto entry = timeline->next();
      if (!entry) return fail(entry.error());
      if (!*entry) break;
      if (auto* event = std::get_if<TimelineEvent>(&**entry)) {
        events.push_back(std::move(*event));
      } else {
        question = std::get<Ask>(**entry).query;
      }
    }
    if (question.is_null()) return fail(ErrorCode::kBadInput, "the timeline asks nothing");
    const auto begin = Steady::now();
    for (const TimelineEvent& event : events) {
      if (auto done = publish(event); !done) return fail(done.error());
    }
    for (const auto& [stream, to] : streams_) {
      if (const auto done = to.publisher->flush(kPatience); !done) {
        return fail(done.error().in(stream));
      }
    }
    const auto durable = Steady::now();
    if (const auto answer = questions_.ask(knowing_all(question)); !answer) {
      return fail(answer.error());
    }
    const auto applied = Steady::now();
    return Json{{"events", published()},
                {"durable_s", seconds(durable - begin)},
                {"applied_s", seconds(applied - begin)},
                {"events_per_s", static_cast<double>(published()) / seconds(applied - begin)}};
  }

 private:
  struct Outlet {
    std::unique_ptr<Publisher> publisher;
    std::uint64_t published = 0;
  };

  Result<void> connect(const Topology& topology, const Node& self, const std::string& stream) {
    const auto endpoints = endpoints_for(topology, self.host, *topology.owner_of(stream));
    if (!endpoints) return fail(endpoints.error());
    auto publisher = Publisher::connect({.ingest = endpoints->ingest,
                                         .control = endpoints->control,
                                         .stream = stream,
                                         .name = self.name,
                                         .source = "/" + self.name});
    if (!publisher) return fail(publisher.error());
    const auto registered = (*publisher)->wait_registered(kPatience);
    if (!registered) return fail(registered.error().in(stream));
    if (registered->position.value != 0) {
      return fail(ErrorCode::kBadInput, stream +
                                            ": its log has events of an earlier run, and a "
                                            "timeline counts from an empty one; remove the state "
                                            "folder of " +
                                            options_.topology_path);
    }
    streams_[stream].publisher = std::move(*publisher);
    return {};
  }

  Result<void> publish(const TimelineEvent& event) {
    const auto found = streams_.find(event.stream);
    if (found == streams_.end()) {
      return fail(ErrorCode::kBadInput, options_.publisher + " does not publish " + event.stream);
    }
    auto& [publisher, count] = found->second;
    if (auto taken = publisher->publish_within(kPatience, event.event); !taken) {
      return fail(taken.error().in(event.stream));
    }
    ++count;
    return {};
  }

  /// Sequences, since the logs were empty.
  [[nodiscard]] Json counts() const {
    Json counts = Json::object();
    for (const auto& [stream, to] : streams_) counts[stream] = to.published;
    return counts;
  }

  [[nodiscard]] bool all_published(const Json& wanted) const {
    return wanted.is_object() && wanted.size() == streams_.size() &&
           std::all_of(streams_.begin(), streams_.end(), [&](const auto& entry) {
             return wanted.value(entry.first, Json()) == Json(entry.second.published);
           });
  }

  [[nodiscard]] std::uint64_t published() const {
    std::uint64_t sum = 0;
    for (const auto& [stream, to] : streams_) sum += to.published;
    return sum;
  }

  [[nodiscard]] Json knowing_all(Json query) const {
    query["at_least"] = counts();
    query["timeout_ms"] = limits::kQueryTimeoutMax.count();
    return query;
  }

  /// As check.py --answers writes it.
  static Json line_of(const Ask& ask, const Json& answer) {
    Json line{{"order_id", ask.order_id}};
    for (const char* name : {"edd", "ship_date", "fc", "carrier", "boxes", "options"}) {
      line[name] = answer.value(name, Json());
    }
    return line;
  }

  /// How fast the node answers when there is nothing to wait for: one by one, and many at a time.
  Result<Json> ask_at_rest(const std::vector<std::string>& asked) {
    Latencies latencies;
    for (const std::string& question : asked) {
      const auto sent = Steady::now();
      if (auto done = questions_.ask_all(std::span(&question, 1), 1); !done)
        return fail(done.error());
      latencies.add(Steady::now() - sent);
    }
    const auto begin = Steady::now();
    if (auto done = questions_.ask_all(asked, kInFlight); !done) return fail(done.error());
    Json figures = latencies.figures();
    figures["in_flight"] = kInFlight;
    figures["in_flight_per_s"] = static_cast<double>(asked.size()) / seconds(Steady::now() - begin);
    return figures;
  }

  const Options& options_;
  Context context_;
  Questions questions_;
  std::map<std::string, Outlet> streams_;
};

int run(const Options& options, Result<Json> (Drive::*what)()) {
  Drive drive(options);
  const auto connected = drive.connect();
  const auto figures = connected ? (drive.*what)() : fail(connected.error());
  if (!figures) {
    std::cerr << "forebay-olist-drive: " << figures.error().message << '\n';
    return figures.error().code == ErrorCode::kBadInput ? 2 : 1;
  }
  std::cout << print_json(*figures) << '\n';
  return 0;
}

}  // namespace
}  // namespace forebay::olist

int main(int argc, char** argv) {
  using namespace forebay::olist;
  CLI::App app("Plays a timeline of convert.py through a topology, and measures.",
               "forebay-olist-drive");
  Options options;
  app.require_subcommand(1);
  app.add_option("-t,--topology", options.topology_path, "the topology file")
      ->capture_default_str();
  app.add_option("--as", options.publisher, "the node that publishes")->capture_default_str();
  app.add_option("--node", options.sourcing, "the sourcing node")->capture_default_str();
  CLI::App* play = app.add_subcommand("play", "in the order of time, with its questions");
  play->add_option("TIMELINE", options.timeline, "timeline.ndjson")->required();
  play->add_option("--answers", options.answers, "written here, as by check.py --answers")
      ->required();
  CLI::App* publish = app.add_subcommand("publish", "only the events, as fast as they are taken");
  publish->add_option("TIMELINE", options.timeline, "timeline.ndjson")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return run(options, play->parsed() ? &Drive::play : &Drive::publish_all);
}
