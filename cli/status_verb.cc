// forebay status
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/reach.h"
#include "cli/status_report.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/client/control_client.h"
#include "common/event/batch.h"
#include "common/service/signals.h"
#include "common/wire/transport.h"
#include "topology/endpoints.h"

namespace forebay {
namespace {

using Json = nlohmann::ordered_json;

/// How long ago the event after a cursor was committed.
std::optional<Nanoseconds> age_after(ControlClient& client, const std::string& stream,
                                     Sequence cursor) {
  const auto answer =
      client.request(Fetch{stream, {}, cursor + 1, {}, 1, 0}, limits::kStatusTimeout);
  if (!answer || !answer->payload) return std::nullopt;
  const auto header = parse_batch_header(answer->payload->view());
  if (!header) return std::nullopt;
  return std::max(SystemClock().wall() - header->place.commit_time, Nanoseconds(0));
}

SidecarAnswer ask(const Globals& globals, const Topology& topology, const Sidecar& sidecar) {
  SidecarAnswer answer{sidecar.name, {}, Json(), {}, {}, {}};
  for (const Stream& stream : sidecar.streams) answer.streams.push_back(stream.name);
  const auto reached = reach(globals, topology, sidecar);
  if (!reached) {
    answer.report = fail(reached.error());
    return answer;
  }
  const auto client = reached->control();
  if (!client) {
    answer.report = fail(client.error());
    return answer;
  }
  answer.report = report_of(**client);
  answer.asked = std::chrono::steady_clock::now();
  if (!answer.report) return answer;
  for (const Behind& consumer : consumers_behind(*answer.report)) {
    if (const auto age = age_after(**client, consumer.stream, consumer.cursor))
      answer.ages[{consumer.stream, consumer.consumer}] = *age;
  }
  return answer;
}

/// All at once, so that those which are down cost one timeout together.
std::vector<SidecarAnswer> ask_all(const Globals& globals, const Topology& topology) {
  std::vector<std::future<SidecarAnswer>> asked;
  for (const Sidecar& sidecar : topology.sidecars) {
    asked.push_back(
        std::async(std::launch::async, [&] { return ask(globals, topology, sidecar); }));
  }
  std::vector<SidecarAnswer> answers;
  for (auto& one : asked) answers.push_back(one.get());
  return answers;
}

void add_all_rates(std::vector<SidecarAnswer>& now, const std::vector<SidecarAnswer>& before) {
  for (std::size_t i = 0; i < now.size(); ++i) add_rates(now[i], before[i]);
}

void print_reports(const std::vector<SidecarAnswer>& answers) {
  Json sidecars = Json::array();
  for (const SidecarAnswer& answer : answers) {
    sidecars.push_back(answer.report ? *answer.report
                                     : Json{{"sidecar", answer.sidecar},
                                            {"error", answer.report.error().message}});
  }
  std::printf(
      "%s\n",
      Json{{"sidecars", sidecars}}.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

int exit_code_of(const std::vector<SidecarAnswer>& answers) {
  return std::all_of(answers.begin(), answers.end(),
                     [](const SidecarAnswer& answer) {
                       return answer.report && streams_not_served(answer).empty();
                     })
             ? kExitDone
             : kExitFailed;
}

int status(const Globals& globals, bool watch) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  std::vector<SidecarAnswer> before = ask_all(globals, *topology);
  if (globals.json) {
    print_reports(before);
    return exit_code_of(before);
  }
  StopSignals signals;
  Poller poller;
  poller.add(signals.descriptor());
  std::chrono::milliseconds gap = limits::kStatusSampleGap;
  while (true) {
    poller.wait(gap);
    if (signals.arrived()) return exit_code_of(before);
    std::vector<SidecarAnswer> now = ask_all(globals, *topology);
    add_all_rates(now, before);
    std::string table = aligned(status_rows(now, topology->alerts));
    if (const auto alerts = alert_rows(now); !alerts.empty()) table += "\n" + aligned(alerts);
    const bool terminal = watch && ::isatty(STDOUT_FILENO) != 0;
    std::printf("%s%s", terminal ? "\x1b[H\x1b[J" : "", table.c_str());
    if (std::fflush(stdout) != 0) return kExitFailed;
    if (!watch) return exit_code_of(now);
    before = std::move(now);
    gap = limits::kStatusWatchInterval;
  }
}

}  // namespace

void add_status_verb(CLI::App& app, Globals& globals) {
  CLI::App* verb = add_verb(
      app, globals, "status", "Shows every stream and its consumers, as their sidecars see them",
      "  forebay status --watch\n"
      "  forebay status --json | jq '.sidecars[].streams[] | {stream, head}'\n"
      "Exit codes: 0 done, 1 a sidecar did not answer or lacks a stream of the topology, 2 bad "
      "usage.\n");
  add_json_flag(*verb, globals);
  add_key_option(*verb, globals);
  auto watch = std::make_shared<bool>(false);
  verb->add_flag("--watch", *watch, "Again every second, until Ctrl-C")
      ->excludes(verb->get_option("--json"));
  run_as(*verb, globals, [&globals, watch] { return status(globals, *watch); });
}

}  // namespace forebay
