#include "topology/daemon/daemon.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <sstream>

#include "common/base/last_words.h"
#include "common/base/logging.h"
#include "common/service/journal.h"
#include "common/service/memory_faults.h"
#include "topology/load.h"
#include "topology/problem.h"

namespace forebay {
namespace {

constexpr int kFailed = 1;
constexpr int kBadInput = 2;

}  // namespace

Watch::Options watch_options(const Topology& topology, const std::string& daemon,
                             const std::string& version, std::shared_ptr<Watch::Memory> memory) {
  const auto places = telling_places(topology, daemon);
  return {daemon,
          version,
          places.address,
          places.port,
          topology.alerts.exec,
          {places.alerts_stream, places.alerts.ingest, places.alerts.control},
          std::move(memory)};
}

std::vector<std::string_view> names_of(const Topology& topology, NodeKind kind) {
  std::vector<std::string_view> names;
  for (const Node& node : topology.nodes) {
    if (node.kind == kind) names.push_back(node.name);
  }
  return names;
}

Result<void> stays(const std::string& what, const std::string& now, const std::string& next) {
  if (now == next) return {};
  return fail(ErrorCode::kBadInput, "its " + what + " would be " + next + " in place of " + now +
                                        ": that takes a restart of all who use it");
}

bool reread(const std::string& path, const std::function<Result<void>(const Topology&)>& prepare) {
  const auto topology = load_topology(path);
  const auto prepared = topology ? prepare(*topology) : fail(topology.error());
  if (!prepared) {
    std::istringstream problems(prepared.error().message);
    for (std::string line; std::getline(problems, line);)
      spdlog::error("reload refused, and all is as before: {}", line);
    return false;
  }
  spdlog::info("reload: begins anew with {}", path);
  return true;
}

Result<void> is_known(const std::string& called, const std::string& name,
                      const std::vector<std::string_view>& names) {
  if (std::find(names.begin(), names.end(), name) != names.end()) return {};
  return fail(ErrorCode::kBadInput, "there is no " + called + " " + in_quotes(name) + "; " +
                                        mend_name(name, names, "the topology has none: add it"));
}

int start_daemon(const DaemonTexts& texts, int argc, char** argv, const DaemonNames& names,
                 const std::function<std::string(const std::string& name)>& advice,
                 const std::function<Result<void>(const Topology&, const std::string& path,
                                                  const std::string& name)>& serve) {
  CLI::App app(texts.about, texts.program);
  std::string path = default_topology_path();
  std::string name;
  app.add_option("-t,--topology", path, "the topology file")->capture_default_str();
  app.add_option("NAME", name, "the " + texts.called + "'s name in the topology")->required();
  app.set_version_flag("--version", texts.program + " " + texts.version);
  app.footer(texts.more);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadInput;
  }
  const auto topology = load_topology(path);
  if (!topology) {
    std::cerr << topology.error().message << '\n';
    return kBadInput;
  }
  if (const auto known = is_known(texts.called, name, names(*topology)); !known) {
    std::cerr << path << ": " << known.error().message << '\n';
    return kBadInput;
  }
  set_up_service_logging(name);
  set_log_level(topology->log_level);
  if (advice) explain_memory_faults(name, advice(name));
  const auto served = serve(*topology, path, name);
  if (served) {
    spdlog::info("stopped");
    return 0;
  }
  say_last_words(served.error().message);
  // What a new start does not mend: the topology, a key, a file.
  const bool ours =
      served.error().code == ErrorCode::kBadInput || served.error().code == ErrorCode::kNotFound;
  return ours ? kBadInput : kFailed;
}

}  // namespace forebay
