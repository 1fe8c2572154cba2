// forebay doctor
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/doctor.h"
#include "cli/verb.h"

namespace forebay {
namespace {

int doctor(const Globals& globals, const std::string& host) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  const auto examination = examine(globals, *topology, host);
  if (!examination) return exit_with(examination.error());
  const Findings findings = findings_of(*topology, *examination, FOREBAY_VERSION);
  const std::size_t wrong = count_of(findings, Severity::kWrong);
  if (globals.json) {
    const Json all = doctor_json(*examination, findings, FOREBAY_VERSION);
    std::printf("%s\n", all.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    std::fputs(findings_text(findings).c_str(), stdout);
    std::fflush(stdout);
    notice(std::to_string(wrong) + " wrong, " +
           std::to_string(count_of(findings, Severity::kWarning)) + " to warn of, " +
           std::to_string(findings.size()) + " checks");
  }
  for (const std::string& name : examination->not_asked)
    notice("sidecar '" + name + "' of another host was not asked: with --key it is");
  return wrong > 0 ? kExitFailed : kExitDone;
}

}  // namespace

void add_doctor_verb(CLI::App& app, Globals& globals) {
  CLI::App* verb =
      add_verb(app, globals, "doctor", "Looks this host over: what is wrong, and how to mend it",
               "  forebay doctor\n"
               "  forebay doctor --json | jq '.checks[] | select(.result != \"ok\")'\n"
               "Exit codes: 0 nothing is wrong, 1 something is, 2 bad usage or topology.\n");
  add_json_flag(*verb, globals);
  add_key_option(*verb, globals);
  auto host = std::make_shared<std::string>();
  verb->add_option("--host", *host, "The host that this machine is (default: by its addresses)")
      ->type_name("NAME");
  run_as(*verb, globals, [&globals, host] { return doctor(globals, *host); });
}

}  // namespace forebay
