#include "cli/children.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "topology/problem.h"

namespace forebay {
namespace {

template <class T>
std::vector<std::string_view> names_on(const std::vector<T>& things, const std::string& host) {
  std::vector<std::string_view> names;
  for (const T& thing : things) {
    if (thing.host == host) names.push_back(thing.name);
  }
  return names;
}

Result<void> check_only(const Topology& topology, const std::string& host,
                        const std::vector<std::string>& only) {
  std::vector<std::string_view> known = names_on(topology.sidecars, host);
  for (std::string_view name : names_on(topology.nodes, host)) {
    if (topology.node(name)->kind != NodeKind::kService) known.push_back(name);
  }
  for (const std::string& name : only) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const Node* node = topology.node(name);
    if (node != nullptr && node->kind == NodeKind::kService) {
      return fail(ErrorCode::kBadInput,
                  "--only: " + in_quotes(name) + " is a service: your own program, yours to start");
    }
    return fail(ErrorCode::kBadInput, "--only: host " + in_quotes(host) +
                                          " has no sidecar or node " + in_quotes(name) + "; " +
                                          mend_name(name, known, "see `forebay topology show`"));
  }
  return {};
}

}  // namespace

Result<std::vector<ChildSpec>> children_of(const Topology& topology, const UpRequest& request) {
  const std::string host = request.host.empty() ? topology.hosts.front().name : request.host;
  if (topology.host(host) == nullptr) {
    std::vector<std::string_view> known;
    for (const Host& each : topology.hosts) known.push_back(each.name);
    return fail(ErrorCode::kBadInput,
                "there is no host " + in_quotes(host) + "; " + mend_name(host, known, ""));
  }
  if (auto checked = check_only(topology, host, request.only); !checked) {
    return fail(checked.error());
  }
  const auto wanted = [&](const std::string& name, const std::string& on) {
    return on == host &&
           (request.only.empty() ||
            std::find(request.only.begin(), request.only.end(), name) != request.only.end());
  };
  std::vector<ChildSpec> children;
  const auto add = [&](const std::string& name, std::string_view program, int stage) {
    const std::string path = request.program_folder + "/forebay-" + std::string(program);
    children.push_back({name, {path, "-t", request.topology_path, name}, stage});
  };
  for (const Sidecar& sidecar : topology.sidecars) {
    if (wanted(sidecar.name, sidecar.host)) add(sidecar.name, "sidecar", 0);
  }
  for (const Node& node : topology.nodes) {
    if (node.kind == NodeKind::kService || !wanted(node.name, node.host)) continue;
    add(node.name, to_string(node.kind), 1);
    children.back().reads_stdin = node.source == "-";
  }
  if (children.empty()) {
    return fail(ErrorCode::kBadInput,
                "host " + in_quotes(host) + " has nothing to start; name another with --host");
  }
  return children;
}

Result<std::string> program_folder() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return fail(ErrorCode::kIo, "cannot read /proc/self/exe: " + error.message());
  return self.parent_path().string();
}

Result<void> check_programs(const std::vector<ChildSpec>& children) {
  for (const ChildSpec& child : children) {
    const std::string& program = child.command.front();
    if (::access(program.c_str(), X_OK) != 0) {
      return fail_errno("'" + child.name + "' needs the program " + program +
                            ", which cannot be run (build or install it beside forebay)",
                        errno);
    }
  }
  return {};
}

}  // namespace forebay
