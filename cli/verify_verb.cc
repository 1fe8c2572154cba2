// forebay verify SIDECAR [--repair]
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/reach.h"
#include "cli/verb.h"
#include "common/base/clock.h"
#include "common/event/json_value.h"
#include "common/service/state_lock.h"
#include "sidecar/log/repair.h"
#include "sidecar/log/verify.h"
#include "topology/endpoints.h"

namespace forebay {
namespace {

struct VerifyOptions {
  std::string sidecar;
  bool repair = false;
};

std::string counted(std::uint64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string range(Sequence first, Sequence next) {
  return std::to_string(first.value) + "-" + std::to_string((next - 1).value);
}

Json as_json(const LogReport& report) {
  Json streams = Json::array();
  for (const StreamReport& stream : report.streams) {
    Json damaged = Json::array();
    for (const Hole& hole : stream.holes)
      damaged.push_back(
          {{"first", hole.first.value}, {"last", (hole.next - 1).value}, {"reason", hole.reason}});
    streams.push_back({{"stream", stream.name},
                       {"oldest", stream.oldest.value},
                       {"head", stream.head.value},
                       {"batches", stream.batches},
                       {"events", stream.events},
                       {"lost", stream.lost},
                       {"damaged_events", stream.damaged},
                       {"damaged", std::move(damaged)}});
  }
  return {{"sound", report.sound()},
          {"streams", std::move(streams)},
          {"producers", report.producers},
          {"consumers", report.consumers},
          {"problems", report.problems}};
}

Json as_json(const Repair& repair) {
  Json streams = Json::array();
  for (const RepairedStream& stream : repair.streams) {
    streams.push_back({{"stream", stream.name},
                       {"incarnation", stream.incarnation.hex()},
                       {"oldest", stream.oldest.value},
                       {"head", stream.head.value},
                       {"batches", stream.batches},
                       {"salvaged", stream.salvaged},
                       {"gaps", stream.gaps},
                       {"lost", stream.lost},
                       {"skipped_ahead", stream.skipped_ahead}});
  }
  return {
      {"kept_as", repair.kept_as}, {"streams", std::move(streams)}, {"problems", repair.problems}};
}

void print(const LogReport& report) {
  for (const StreamReport& stream : report.streams) {
    std::printf(
        "%s: %s in %s, sequences %s\n", stream.name.c_str(),
        counted(stream.events, "event").c_str(),
        stream.batches == 1 ? "1 batch" : (std::to_string(stream.batches) + " batches").c_str(),
        range(stream.oldest, stream.head + 1).c_str());
    for (const Hole& hole : stream.holes)
      std::printf("%s: damaged: %s: %s\n", stream.name.c_str(),
                  range(hole.first, hole.next).c_str(), hole.reason.c_str());
    if (stream.hole_count > stream.holes.size())
      std::printf("%s: damaged: and %s more\n", stream.name.c_str(),
                  counted(stream.hole_count - stream.holes.size(), "range").c_str());
  }
  for (const std::string& problem : report.problems) std::printf("damaged: %s\n", problem.c_str());
}

void print(const Repair& repair) {
  for (const RepairedStream& stream : repair.streams) {
    std::printf(
        "%s: repaired, incarnation %s, sequences %s; lost %llu in %s%s\n", stream.name.c_str(),
        stream.incarnation.hex().c_str(), range(stream.oldest, stream.head + 1).c_str(),
        static_cast<unsigned long long>(stream.lost), counted(stream.gaps, "gap").c_str(),
        stream.skipped_ahead ? "; its end was not known, and it goes on far behind it" : "");
  }
  for (const std::string& problem : repair.problems) std::printf("%s\n", problem.c_str());
  std::printf("the damaged file is kept as %s\n", repair.kept_as.c_str());
}

/// Of a stream whose records are gone nothing says which batches were its.
void say_what_is_gone(const Sidecar& sidecar, Repair& repair) {
  for (const Stream& stream : sidecar.streams) {
    const bool found =
        std::any_of(repair.streams.begin(), repair.streams.end(),
                    [&](const RepairedStream& each) { return each.name == stream.name; });
    if (!found)
      repair.problems.push_back("stream " + stream.name +
                                ": no record of it was found: it begins anew, under a new "
                                "incarnation, unless a backup is restored");
  }
}

int verify(const Globals& globals, const VerifyOptions& options) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  const auto sidecar = find_sidecar(*topology, options.sidecar);
  if (!sidecar) return exit_with(sidecar.error());
  const std::string folder = state_folder(*topology, options.sidecar);
  if (!std::filesystem::exists(folder + "/data.mdb")) {
    notice("there is no log in " + folder + ": sidecar " + options.sidecar +
           " has not run here yet");
    return kExitBadInput;
  }
  const auto lock = StateLock::take(folder);
  if (!lock) return exit_with(lock.error());
  const auto report = verify_log(folder);
  if (!report) return exit_with(report.error());
  Json json = as_json(*report);
  if (!globals.json) print(*report);
  int code = report->sound() ? kExitDone : kExitFailed;
  if (options.repair && !report->sound()) {
    auto repair = repair_log(folder, SystemClock().wall());
    if (!repair) return exit_with(repair.error());
    say_what_is_gone(**sidecar, *repair);
    json["repair"] = as_json(*repair);
    if (!globals.json) print(*repair);
    code = kExitDone;
  } else if (report->sound()) {
    notice("sound");
  } else {
    notice("damaged; `forebay verify " + options.sidecar +
           " --repair` keeps what is sound and puts gaps for the rest");
  }
  if (globals.json) std::printf("%s\n", print_json(json).c_str());
  return code;
}

}  // namespace

void add_verify_verb(CLI::App& app, Globals& globals) {
  CLI::App* verb =
      add_verb(app, globals, "verify", "Checks the log of a sidecar that is stopped; repairs it",
               "  forebay verify inventory\n  forebay verify inventory --repair\n");
  add_json_flag(*verb, globals);
  auto options = std::make_shared<VerifyOptions>();
  verb->add_option("SIDECAR", options->sidecar, "whose log")->required();
  verb->add_flag("--repair", options->repair,
                 "keep what is sound, put gaps for what is damaged, under a new incarnation; the "
                 "damaged file stays beside it");
  run_as(*verb, globals, [&globals, options] { return verify(globals, *options); });
}

}  // namespace forebay
