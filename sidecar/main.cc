// forebay-sidecar: what it serves of the topology; the rest is sidecar.h's and daemon.h's.
#include <malloc.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "common/service/descriptors.h"
#include "common/wire/secret_file.h"
#include "sidecar/sidecar.h"
#include "topology/daemon/daemon.h"
#include "topology/endpoints.h"

namespace {

/// Batches come and go by the thousand a second, each larger than what the C library by default
/// gives back to the system at once, and then has to ask for again, zeroed, page by page.
void keep_freed_memory() {
  ::mallopt(M_MMAP_THRESHOLD, 8 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 32 << 20);
}

/// Who comes in from other hosts; nobody where the sidecar has no key.
forebay::Result<std::optional<forebay::FarSide>> far_side(const forebay::Topology& topology,
                                                          const forebay::Sidecar& sidecar,
                                                          const std::string& folder) {
  using namespace forebay;
  if (bind_endpoints(topology, sidecar).far_control.empty()) return std::nullopt;
  auto own =
      read_listed_secret(secret_path(folder), sidecar.name, topology.keys_of(sidecar.name)->keys);
  if (!own) return fail(own.error());
  Gatekeeper::Names names;
  for (const auto* identities : {&topology.keys, &topology.operators}) {
    for (const Identity& identity : *identities) {
      for (const std::string& key : identity.keys) names.emplace(key, identity.name);
    }
  }
  return FarSide{std::move(*own), std::move(names), Access(topology, sidecar)};
}

std::vector<std::string_view> sidecars(const forebay::Topology& topology) {
  std::vector<std::string_view> names;
  for (const forebay::Sidecar& sidecar : topology.sidecars) names.push_back(sidecar.name);
  return names;
}

/// What it serves of the topology. Its folder is there: its secret is read.
forebay::Result<forebay::SidecarOptions> options_of(
    const forebay::Topology& topology, const std::string& name,
    std::shared_ptr<forebay::SidecarMemory> memory) {
  using namespace forebay;
  const Sidecar* sidecar = topology.sidecar(name);
  std::string folder = state_folder(topology, name);
  auto far = far_side(topology, *sidecar, folder);
  if (!far) return fail(far.error());
  return SidecarOptions{name,
                        FOREBAY_VERSION,
                        std::move(folder),
                        bind_endpoints(topology, *sidecar),
                        sidecar->streams,
                        sidecar->disk_max,
                        std::move(*far),
                        watch_options(topology, name, FOREBAY_VERSION, {memory, &memory->watch}),
                        topology.alerts,
                        memory};
}

forebay::Result<void> may_follow(const forebay::SidecarOptions& now,
                                 const forebay::SidecarOptions& next) {
  using namespace forebay;
  for (const auto list : {&SidecarEndpoints::ingest, &SidecarEndpoints::control,
                          &SidecarEndpoints::broadcast, &SidecarEndpoints::far_control}) {
    for (std::size_t i = 0; i < (now.endpoints.*list).size(); ++i) {
      const auto& others = next.endpoints.*list;
      const std::string other = i < others.size() ? others[i] : "nowhere";
      if (auto same = stays("endpoint", (now.endpoints.*list)[i], other); !same) return same;
    }
  }
  for (const Stream& stream : now.streams) {
    if (std::none_of(next.streams.begin(), next.streams.end(),
                     [&](const Stream& each) { return each.name == stream.name; }))
      return fail(
          ErrorCode::kBadInput,
          "stream '" + stream.name + "' is gone from it: to serve it no more takes a restart");
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  keep_freed_memory();
  forebay::raise_descriptor_limit();
  const auto memory = std::make_shared<forebay::SidecarMemory>();
  return forebay::run_daemon<forebay::SidecarOptions>(
      {.texts = {.program = "forebay-sidecar",
                 .version = FOREBAY_VERSION,
                 .called = "sidecar",
                 .about = "Makes the events of its streams durable, broadcasts and replays them.",
                 .more = "Example: forebay-sidecar -t topology/demo.toml inventory\nExit codes: 0 "
                         "stopped, 1 failed, 2 bad usage or topology."},
       .names = sidecars,
       .options_of = [&](const forebay::Topology& topology,
                         const std::string& name) { return options_of(topology, name, memory); },
       .may_follow = may_follow,
       .serve = forebay::run_sidecar,
       .advice =
           [](const std::string& name) {
             return "run `forebay verify " + name + "`, which says what is sound";
           }},
      argc, argv);
}
