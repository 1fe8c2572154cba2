// forebay producers list | forget
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <tuple>

#include "cli/reach.h"
#include "cli/status_report.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "common/base/limits.h"
#include "topology/problem.h"

namespace forebay {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& producer, const char* key) { return producer.value(key, ""); }

std::string state_of(const Json& producer) {
  if (producer.value("departed", false)) return "said goodbye";
  const std::chrono::milliseconds silent(producer.value("silent_ms", std::int64_t{0}));
  return silent < limits::kProducerSilent ? "there" : "silent";
}

std::vector<std::string> row_of(const Json& producer) {
  const std::chrono::milliseconds silent(producer.value("silent_ms", std::int64_t{0}));
  return {text_of(producer, "name"),
          text_of(producer, "stream"),
          text_of(producer, "id"),
          std::to_string(producer.value("epoch", std::uint64_t{0})),
          std::to_string(producer.value("position", std::uint64_t{0})),
          short_duration(silent),
          state_of(producer)};
}

/// The producers that a sidecar knows, by stream and name.
Result<std::vector<Json>> producers_of(ControlClient& client) {
  const auto report = report_of(client);
  if (!report) return fail(report.error());
  std::vector<Json> producers;
  for (const Json& producer : report->value("producers", Json::array())) {
    if (producer.is_object()) producers.push_back(producer);
  }
  const auto order = [](const Json& producer) {
    return std::tuple(text_of(producer, "stream"), text_of(producer, "name"),
                      text_of(producer, "id"));
  };
  std::sort(producers.begin(), producers.end(),
            [&](const Json& one, const Json& other) { return order(one) < order(other); });
  return producers;
}

int list_producers(const Globals& globals) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  std::vector<std::vector<std::string>> rows{
      {"PRODUCER", "STREAM", "ID", "EPOCH", "POSITION", "HEARD", "STATE"}};
  Json all = Json::array();
  int exit_code = kExitDone;
  for (const Sidecar& sidecar : topology->sidecars) {
    const auto reached = reach(globals, *topology, sidecar);
    if (!reached) return exit_with(reached.error());
    const auto client = reached->control();
    if (!client) return exit_with(client.error());
    const auto producers = producers_of(**client);
    if (!producers) {
      exit_code = exit_with(producers.error());
      all.push_back({{"sidecar", sidecar.name}, {"error", producers.error().message}});
      continue;
    }
    for (const Json& producer : *producers) rows.push_back(row_of(producer));
    all.push_back({{"sidecar", sidecar.name}, {"producers", *producers}});
  }
  const std::string text =
      globals.json ? all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n" : aligned(rows);
  std::fputs(text.c_str(), stdout);
  return exit_code;
}

struct ProducerToForget {
  std::string stream, producer;
};

/// Which producer is meant: by its id, or by its name if only one has that.
Result<ProducerId> find_producer(ControlClient& client, const ProducerToForget& options) {
  const auto producers = producers_of(client);
  if (!producers) return fail(producers.error());
  std::vector<std::string> ids, names;
  for (const Json& producer : *producers) {
    if (text_of(producer, "stream") != options.stream) continue;
    const std::string id = text_of(producer, "id"), name = text_of(producer, "name");
    if (!name.empty()) names.push_back(name);
    if (options.producer == id || options.producer == name) ids.push_back(id);
  }
  if (ids.empty()) {
    return fail(ErrorCode::kNotFound, in_quotes(options.stream) + " has no producer " +
                                          in_quotes(options.producer) + "; " +
                                          mend_name(options.producer, {names.begin(), names.end()},
                                                    "`forebay producers list` shows all"));
  }
  if (ids.size() > 1) {
    std::string which;
    for (const std::string& id : ids) which += (which.empty() ? "" : ", ") + id;
    return fail(ErrorCode::kBadInput, in_quotes(options.producer) +
                                          " published several files there: choose one by its id (" +
                                          which + ")");
  }
  const std::string& text = ids.front();
  ProducerId id;
  const char* const end = text.data() + text.size();
  if (const auto read = std::from_chars(text.data(), end, id.value, 16);
      read.ec != std::errc() || read.ptr != end)
    return fail(ErrorCode::kCorruption, "a sidecar names a producer by " + in_quotes(text));
  return id;
}

int forget_producer(const Globals& globals, const ProducerToForget& options) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  const auto sidecar = reach_stream(globals, *topology, options.stream);
  if (!sidecar) return exit_with(sidecar.error());
  const auto client = sidecar->control();
  if (!client) return exit_with(client.error());
  const auto id = find_producer(**client, options);
  if (!id) return exit_with(id.error());
  const auto answer =
      (*client)->request(ForgetProducer{options.stream, *id}, limits::kRequestTimeout);
  if (!answer) return exit_with(answer.error());
  notice(options.producer + " is forgotten: what it publishes to " + options.stream +
         " from now on is new, also what it has published before");
  return kExitDone;
}

}  // namespace

void add_producers_verb(CLI::App& app, Globals& globals) {
  CLI::App* verb = add_verb(app, globals, "producers",
                            "Shows producers and how far each is on disk; forgets one",
                            "  forebay producers list\n  forebay producers forget orders shop\n");
  verb->require_subcommand(1);
  CLI::App* list_verb =
      add_verb(*verb, globals, "list", "Every producer that the sidecars know, by stream",
               "  forebay producers list --json\n");
  add_json_flag(*list_verb, globals);
  add_key_option(*list_verb, globals);
  run_as(*list_verb, globals, [&globals] { return list_producers(globals); });

  CLI::App* forget_verb =
      add_verb(*verb, globals, "forget",
               "Forgets a producer that is gone for good, so that its place is free",
               "  forebay producers forget orders old-shop\n");
  auto options = std::make_shared<ProducerToForget>();
  forget_verb->add_option("STREAM", options->stream, "what it published to")->required();
  forget_verb->add_option("PRODUCER", options->producer, "its name, or its id")->required();
  add_key_option(*forget_verb, globals);
  run_as(*forget_verb, globals, [&globals, options] { return forget_producer(globals, *options); });
}

}  // namespace forebay
