// forebay clock trust SIDECAR
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/reach.h"
#include "cli/verb.h"
#include "common/base/limits.h"

namespace forebay {
namespace {

int trust(const Globals& globals, const std::string& name) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  const auto sidecar = find_sidecar(*topology, name);
  if (!sidecar) return exit_with(sidecar.error());
  const auto reached = reach(globals, *topology, **sidecar);
  if (!reached) return exit_with(reached.error());
  const auto client = reached->control();
  if (!client) return exit_with(client.error());
  const auto answer = (*client)->request(TrustClock{}, limits::kRequestTimeout);
  if (!answer) return exit_with(answer.error());
  notice(name + " trusts its clock: what is too old by it is trimmed");
  return kExitDone;
}

}  // namespace

void add_clock_verb(CLI::App& app, Globals& globals) {
  CLI::App* verb =
      add_verb(app, globals, "clock", "Tells a sidecar that doubts its wall clock that it is right",
               "  forebay clock trust inventory\n");
  verb->require_subcommand(1);
  CLI::App* trust_verb =
      add_verb(*verb, globals, "trust",
               "Lets retention trim by age again, after a jump of the clock that was meant",
               "  forebay clock trust inventory\n");
  auto name = std::make_shared<std::string>();
  trust_verb->add_option("SIDECAR", *name, "its name")->required();
  add_key_option(*trust_verb, globals);
  run_as(*trust_verb, globals, [&globals, name] { return trust(globals, *name); });
}

}  // namespace forebay
