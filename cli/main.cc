// The `forebay` program: its verbs, and nothing else.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/verb.h"
#include "common/base/logging.h"
#include "topology/problem.h"

namespace {

/// The last verb that the command line has, and all that leads to it: "forebay consumers list".
std::pair<CLI::App*, std::string> last_verb(CLI::App& app) {
  CLI::App* at = &app;
  std::string words = app.get_name();
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    words += ' ' + at->get_name();
  }
  return {at, words};
}

/// What is wrong with the word that stands where a verb is missing; empty if none is missing.
std::string verb_fault(CLI::App& app) {
  const auto [at, verb] = last_verb(app);
  std::vector<std::string> verbs;
  for (const CLI::App* each : at->get_subcommands({})) verbs.push_back(each->get_name());
  const auto words = app.remaining(true);
  if (verbs.empty() || words.empty()) return "";
  if (words.front().starts_with('-'))
    return "a verb comes before '" + words.front() + "'; see " + verb + " --help";
  const std::string_view meant = forebay::nearest(words.front(), {verbs.begin(), verbs.end()});
  const std::string mend = meant.empty() ? "" : "did you mean '" + std::string(meant) + "'? ";
  return "there is no verb '" + words.front() + "'; " + mend + "see " + verb + " --help";
}

/// What an option that its verb does not have was meant to be; empty if that is not the error.
std::string option_fault(CLI::App& app, const CLI::ParseError& error) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr) return "";
  const auto [at, verb] = last_verb(app);
  const auto words = at->remaining();
  const auto found = std::find_if(words.begin(), words.end(), [](const std::string& word) {
    return word.starts_with("--") && word.size() > 2;
  });
  if (found == words.end()) return "";
  const std::string given = found->substr(0, found->find('='));
  std::vector<std::string> options;
  for (const CLI::Option* option : at->get_options()) {
    for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
  }
  const std::string_view meant = forebay::nearest(given, {options.begin(), options.end()});
  const std::string mend = meant.empty() ? "" : "did you mean '" + std::string(meant) + "'? ";
  return "there is no option '" + given + "'; " + mend + "see " + verb + " --help";
}

int run(int argc, char** argv) {
  CLI::App app("Forebay: a durable event pipeline without a broker", "forebay");
  app.set_version_flag("--version", "forebay " FOREBAY_VERSION);
  app.require_subcommand(1);
  app.footer("forebay VERB --help shows a verb's options and examples.");
  forebay::Globals globals;
  forebay::add_publish_verb(app, globals);
  forebay::add_query_verb(app, globals);
  forebay::add_status_verb(app, globals);
  forebay::add_tail_verb(app, globals);
  forebay::add_trace_verb(app, globals);
  forebay::add_topology_verb(app, globals);
  forebay::add_up_verb(app, globals);
  forebay::add_replay_verb(app, globals);
  forebay::add_rebuild_verb(app, globals);
  forebay::add_consumers_verb(app, globals);
  forebay::add_producers_verb(app, globals);
  forebay::add_clock_verb(app, globals);
  forebay::add_bench_verb(app, globals);
  forebay::add_verify_verb(app, globals);
  forebay::add_backup_verbs(app, globals);
  forebay::add_keys_verb(app, globals);
  forebay::add_doctor_verb(app, globals);
  forebay::add_bundle_verb(app, globals);
  try {
    app.parse(argc, argv);
    return globals.run();
  } catch (const CLI::RequiredError& error) {
    // CLI11 misses the verb before it looks at what stands in its place.
    if (const std::string fault = verb_fault(app); !fault.empty()) {
      forebay::notice(fault);
    } else {
      app.exit(error);
    }
    return forebay::kExitBadInput;
  } catch (const CLI::ParseError& error) {
    if (const std::string fault = option_fault(app, error); !fault.empty()) {
      forebay::notice(fault);
      return forebay::kExitBadInput;
    }
    if (app.exit(error) == 0) return forebay::kExitDone;
    if (argv[1][0] == '-') forebay::notice("a verb comes before its options");
    return forebay::kExitBadInput;
  } catch (const std::exception& error) {
    forebay::notice(error.what());
    return forebay::kExitFailed;
  }
}

}  // namespace

int main(int argc, char** argv) {
  forebay::set_up_tool_logging("forebay");
  const int code = run(argc, argv);
  // A full disk, or nobody who reads: what was printed has to have arrived.
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  forebay::notice(std::string("cannot write to stdout: ") + std::strerror(errno));
  return forebay::kExitFailed;
}
