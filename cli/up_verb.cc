// forebay up
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "cli/children.h"
#include "cli/verb.h"

namespace forebay {
namespace {

constexpr std::chrono::seconds kStepWait{
    60};  // nothing is polled: signals and due times end a wait

Result<void> check_stdin(const std::vector<ChildSpec>& children) {
  const auto readers = std::count_if(children.begin(), children.end(),
                                     [](const ChildSpec& child) { return child.reads_stdin; });
  if (readers > 1) {
    return fail(
        ErrorCode::kBadInput,
        "several feeds read stdin, which would be shared out among them at random; choose one "
        "with --only");
  }
  if (readers == 1 && ::isatty(STDIN_FILENO) != 0) {
    return fail(
        ErrorCode::kBadInput,
        "a feed reads stdin, which is a terminal here; pipe its lines in, or leave it out with "
        "--only");
  }
  return {};
}

int up(const Globals& globals, UpRequest request) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  const auto folder = program_folder();
  if (!folder) return exit_with(folder.error());
  request.program_folder = *folder;
  request.topology_path = globals.topology_path;
  auto children = children_of(*topology, request);
  if (!children) return exit_with(children.error());
  for (const auto& checked : {check_programs(*children), check_stdin(*children)}) {
    if (!checked) return exit_with(checked.error());
  }
  notice("up: " + topology->name + ", " + std::to_string(children->size()) +
         (children->size() == 1 ? " process" : " processes") + "; Ctrl-C stops all");
  const SystemClock clock;
  Supervisor supervisor(std::move(*children), clock,
                        [](const std::string& text) { notice("up: " + text); });
  while (supervisor.step(kStepWait)) {
  }
  notice(supervisor.failed() ? "up: ended, not everything well (see above)" : "up: ended");
  return supervisor.failed() ? kExitFailed : kExitDone;
}

}  // namespace

void add_up_verb(CLI::App& app, Globals& globals) {
  CLI::App* verb = add_verb(app, globals, "up",
                            "Runs the sidecars and nodes of one host and restarts what dies (for "
                            "development; in production "
                            "systemd does)",
                            "  forebay up -t topology/demo.toml\n"
                            "  forebay up -t topology/demo.toml --only inventory inventory-feed\n");
  auto request = std::make_shared<UpRequest>();
  verb->add_option("--host", request->host, "The host whose processes to run (default: the first)")
      ->type_name("NAME");
  verb->add_option("--only", request->only, "Run only these sidecars and nodes")->type_name("NAME");
  run_as(*verb, globals, [&globals, request] { return up(globals, *request); });
}

}  // namespace forebay
