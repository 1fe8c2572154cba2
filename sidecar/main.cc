// forebay-sidecar: flags, topology, lock, signals; the rest is sidecar.h's.
#include <malloc.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <optional>

#include "common/base/last_words.h"
#include "common/base/logging.h"
#include "common/service/descriptors.h"
#include "common/service/journal.h"
#include "common/service/memory_faults.h"
#include "common/service/signals.h"
#include "common/service/state_lock.h"
#include "common/wire/secret_file.h"
#include "sidecar/sidecar.h"
#include "topology/endpoints.h"
#include "topology/load.h"
#include "topology/reload.h"

namespace {

constexpr int kFailed = 1;
constexpr int kBadInput = 2;

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

forebay::Watch::Options watch_options(const forebay::Topology& topology, const std::string& name) {
  const auto places = forebay::telling_places(topology, name);
  return {name,
          places.address,
          places.port,
          topology.alerts.exec,
          {places.alerts_stream, places.alerts.ingest, places.alerts.control}};
}

/// What it serves of the topology. Its folder is there: its secret is read.
forebay::Result<forebay::SidecarOptions> options_of(const forebay::Topology& topology,
                                                    const std::string& name) {
  using namespace forebay;
  const Sidecar* sidecar = topology.sidecar(name);
  if (sidecar == nullptr)
    return fail(ErrorCode::kBadInput, "no sidecar '" + name + "' in the topology");
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
                        watch_options(topology, name),
                        topology.alerts};
}

/// Whether it may go over from `now` to `next` with a SIGHUP: whoever it serves is served on.
forebay::Result<void> may_follow(const forebay::SidecarOptions& now,
                                 const forebay::SidecarOptions& next) {
  using namespace forebay;
  if (auto same = stays("state folder", now.state_dir, next.state_dir); !same) return same;
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

int failed(const forebay::Error& error) {
  spdlog::critical("{}", error.message);
  // What a new start does not mend: the topology, a key.
  const bool ours =
      error.code == forebay::ErrorCode::kBadInput || error.code == forebay::ErrorCode::kNotFound;
  return ours ? kBadInput : kFailed;
}

int run(const std::string& topology_path, const std::string& name) {
  using namespace forebay;
  keep_freed_memory();
  raise_descriptor_limit();
  const auto topology = load_topology(topology_path);
  if (!topology) {
    std::cerr << topology.error().message << '\n';
    return kBadInput;
  }
  if (topology->sidecar(name) == nullptr) {
    std::cerr << "no sidecar '" << name << "' in " << topology_path << '\n';
    return kBadInput;
  }
  set_up_service_logging(name);
  set_log_level(topology->log_level);
  explain_memory_faults(name, "run `forebay verify " + name + "`, which says what is sound");
  std::optional<SidecarOptions> serving, next;
  StopSignals signals([&] {
    return reread(topology_path, [&](const Topology& changed) -> Result<void> {
      auto options = options_of(changed, name);
      if (!options) return fail(options.error());
      if (auto may = may_follow(*serving, *options); !may) return may;
      next = std::move(*options);
      next->watch.book = serving->watch.book;
      return {};
    });
  });
  const auto lock = StateLock::take(state_folder(*topology, name));
  if (!lock) return failed(lock.error());
  auto options = options_of(*topology, name);
  if (!options) return failed(options.error());
  next = std::move(*options);
  while (next && !signals.stopped()) {
    serving = std::exchange(next, std::nullopt);
    if (const auto served = run_sidecar(*serving, signals); !served) {
      say_last_words(served.error().message);
      return kFailed;
    }
  }
  spdlog::info("stopped");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Makes the events of its streams durable, broadcasts and replays them.",
               "forebay-sidecar");
  std::string topology_path = forebay::default_topology_path();
  std::string name;
  app.add_option("-t,--topology", topology_path, "the topology file")->capture_default_str();
  app.add_option("NAME", name, "the sidecar's name in the topology")->required();
  app.set_version_flag("--version", std::string("forebay-sidecar ") + FOREBAY_VERSION);
  app.footer(
      "Example: forebay-sidecar -t topology/demo.toml inventory\nExit codes: 0 stopped, 1 failed, "
      "2 bad usage or topology.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadInput;
  }
  return run(topology_path, name);
}
