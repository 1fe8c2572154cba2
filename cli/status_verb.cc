// forebay status
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "cli/live_frame.h"
#include "cli/status_asker.h"
#include "cli/status_report.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/verb.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/service/signals.h"
#include "common/wire/transport.h"

namespace forebay {
namespace {

using Json = nlohmann::ordered_json;

void print_reports(const StatusAnswers& answers) {
  Json sidecars = Json::array(), nodes = Json::array();
  const auto said = [](const char* what, const std::string& name, const Result<Json>& report) {
    return report ? *report : Json{{what, name}, {"error", report.error().message}};
  };
  for (const SidecarAnswer& answer : answers.sidecars)
    sidecars.push_back(said("sidecar", answer.sidecar, answer.report));
  for (const NodeAnswer& answer : answers.nodes)
    nodes.push_back(said("consumer", answer.node, answer.report));
  const Json all{{"sidecars", sidecars}, {"nodes", nodes}};
  std::printf("%s\n", all.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

int exit_code_of(const StatusAnswers& answers) {
  return std::all_of(answers.sidecars.begin(), answers.sidecars.end(),
                     [](const SidecarAnswer& answer) {
                       return answer.report && streams_not_served(answer).empty();
                     })
             ? kExitDone
             : kExitFailed;
}

std::vector<std::vector<std::string>> alerts_of(const StatusAnswers& answers) {
  return alert_rows(answers.sidecars, answers.nodes, SystemClock().wall());
}

/// Once, or, with `watch`, again and again below one another.
int print_tables(const Globals& globals, const Topology& topology, StatusAnswers before,
                 bool watch) {
  StopSignals signals;
  Poller poller;
  poller.add(signals.descriptor());
  std::chrono::milliseconds gap = limits::kStatusSampleGap;
  while (true) {
    poller.wait(gap);
    if (signals.arrived()) return exit_code_of(before);
    StatusAnswers now = ask_all(globals, topology);
    add_all_rates(now, before);
    std::string table = aligned(status_rows(now.sidecars, topology.alerts));
    if (const auto alerts = alerts_of(now); !alerts.empty()) table += "\n" + aligned(alerts);
    std::printf("%s", table.c_str());
    if (std::fflush(stdout) != 0) return kExitFailed;
    if (!watch) return exit_code_of(now);
    before = std::move(now);
    gap = limits::kStatusWatchInterval;
  }
}

std::string picture(const Topology& topology, const StatusPoll& poll, const Terminal& terminal) {
  LiveStatus live{topology.name,
                  to_rfc3339(std::chrono::floor<std::chrono::seconds>(SystemClock().wall())),
                  {},
                  {}};
  if (poll.complete()) {
    const StatusAnswers answers = poll.latest();
    live.rows = status_rows(answers.sidecars, topology.alerts);
    live.alerts = alerts_of(answers);
  }
  const auto [columns, lines] = terminal.size();
  return live_frame(live, {columns, lines, Terminal::has_colours()});
}

/// Until somebody has seen enough; false: the terminal is gone.
bool draw(const Topology& topology, StatusPoll& poll, Terminal& terminal, StopSignals& signals) {
  using Steady = std::chrono::steady_clock;
  Poller poller;
  poller.add(signals.descriptor());
  const std::size_t changes = poller.add(terminal.changes());
  const std::size_t news = poller.add(poll.news());
  const std::size_t keys = poller.add(std::max(terminal.keys(), 0));
  poller.watch(keys, terminal.keys() >= 0);
  bool complete = false;
  auto due = Steady::now();
  while (true) {
    if (Steady::now() >= due) {
      if (!terminal.show(picture(topology, poll, terminal))) return false;
      due = Steady::now() + limits::kStatusWatchInterval;
    }
    poller.wait(std::max(std::chrono::ceil<std::chrono::milliseconds>(due - Steady::now()),
                         std::chrono::milliseconds(0)));
    if (signals.arrived()) return true;
    if (poller.readable(keys)) {
      const auto typed = terminal.take_keys();
      if (typed && typed->find_first_of("qQ") != std::string_view::npos) return true;
      poller.watch(keys, typed.has_value());
    }
    if (poller.readable(changes)) {
      terminal.take_changes();
      due = Steady::now();
    }
    if (poller.readable(news)) {
      poll.take_news();
      if (!std::exchange(complete, poll.complete()) && complete) due = Steady::now();
    }
  }
}

int status(const Globals& globals, bool watch) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  if (watch && Terminal::is_there()) {
    StopSignals signals;
    std::optional<Terminal> terminal(std::in_place);
    StatusPoll poll(globals, *topology, limits::kStatusWatchInterval);
    const bool shown = draw(*topology, poll, *terminal, signals);
    terminal.reset();  // who does not answer is waited for without it
    return shown ? exit_code_of(poll.latest()) : kExitFailed;
  }
  StatusAnswers answers = ask_all(globals, *topology);
  if (!globals.json) return print_tables(globals, *topology, std::move(answers), watch);
  print_reports(answers);
  return exit_code_of(answers);
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
  verb->add_flag("--watch", *watch, "Again every second, until q or Ctrl-C")
      ->excludes(verb->get_option("--json"));
  run_as(*verb, globals, [&globals, watch] { return status(globals, *watch); });
}

}  // namespace forebay
