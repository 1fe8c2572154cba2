// What the main() of every daemon does around what it serves: flags, topology, log, lock, signals; and how it begins
// anew with the topology's file when SIGHUP says so.
//
//   int main(int argc, char** argv) { return run_daemon(kind, argc, argv); }
#pragma once

#include <spdlog/spdlog.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/logging.h"
#include "common/base/result.h"
#include "common/service/signals.h"
#include "common/service/state_lock.h"
#include "common/watch/watch.h"
#include "topology/endpoints.h"
#include "topology/topology.h"

namespace forebay {

/// Of the daemons of one kind in a topology.
using DaemonNames = std::function<std::vector<std::string_view>(const Topology&)>;

struct DaemonTexts {
  std::string program;  // "forebay-feed"
  std::string version;
  std::string called;  // what its NAME is of: "feed"
  std::string about;   // the first of --help
  std::string more;    // and the last: an example, exit codes
};

/// `Options`: what a daemon serves of the topology.
template <class Options>
struct DaemonKind {
  DaemonTexts texts;
  /// Of all of its kind.
  DaemonNames names;
  /// For one of these, whose folder is there. kBadInput and kNotFound: no new start mends it.
  std::function<Result<Options>(const Topology&, const std::string& name)> options_of;
  /// Whether a reload may go over from `now` to `next`: whoever is served is served on. None: it may.
  std::function<Result<void>(const Options& now, const Options& next)> may_follow = {};
  /// Until it ends, or a signal has it leave off. It calls signals.set_ready() when it has begun.
  std::function<Result<void>(const Options&, StopSignals& signals)> serve;
  /// What to do where a store's memory turns out damaged; none where it has no store.
  std::function<std::string(const std::string& name)> advice = {};
};

/// A daemon's life, from one SIGHUP to the next.
template <class Options>
class Daemon {
 public:
  /// Before any thread is started (signals.h).
  Daemon(DaemonKind<Options> kind, std::string topology_path, std::string name);

  /// Serves what `topology`, and then each that is read anew, says. One with which it cannot even begin is given up
  /// for what was served before.
  [[nodiscard]] Result<void> run(const Topology& topology);

 private:
  [[nodiscard]] Result<void> prepare(const Topology& changed);

  DaemonKind<Options> kind_;
  struct Life {
    Options options;
    std::string log_level;
  };

  std::string topology_path_, name_, folder_;
  std::optional<Life> serving_, next_;
  StopSignals signals_;
};

/// The exit code: 0 stopped or ended, 1 failed, 2 what no new start mends.
template <class Options>
[[nodiscard]] int run_daemon(DaemonKind<Options> kind, int argc, char** argv);

/// Where a daemon of the topology says how it is.
[[nodiscard]] Watch::Options watch_options(const Topology& topology, const std::string& daemon,
                                           const std::string& version,
                                           std::shared_ptr<Watch::Memory> memory);

/// Valid as long as the topology is.
[[nodiscard]] std::vector<std::string_view> names_of(const Topology& topology, NodeKind kind);

/// An error unless what a daemon binds and keeps stays where it is: others go by it.
[[nodiscard]] Result<void> stays(const std::string& what, const std::string& now,
                                 const std::string& next);

// of the templates above

/// Reads the topology's file again, and has `prepare` make of it what the daemon is to serve next. False, with
/// the reason in the log: nothing has changed.
[[nodiscard]] bool reread(const std::string& path,
                          const std::function<Result<void>(const Topology&)>& prepare);

/// That `name` is one of `names`; kBadInput says which there are.
[[nodiscard]] Result<void> is_known(const std::string& called, const std::string& name,
                                    const std::vector<std::string_view>& names);

/// Reads what argv and the topology say, sets up the log, and serves. As run_daemon() returns.
[[nodiscard]] int start_daemon(
    const DaemonTexts& texts, int argc, char** argv, const DaemonNames& names,
    const std::function<std::string(const std::string& name)>& advice,
    const std::function<Result<void>(const Topology&, const std::string& path,
                                     const std::string& name)>& serve);

template <class Options>
Daemon<Options>::Daemon(DaemonKind<Options> kind, std::string topology_path, std::string name)
    : kind_(std::move(kind)),
      topology_path_(std::move(topology_path)),
      name_(std::move(name)),
      signals_([this] {
        return reread(topology_path_, [this](const Topology& changed) { return prepare(changed); });
      }) {}

template <class Options>
Result<void> Daemon<Options>::prepare(const Topology& changed) {
  if (auto known = is_known(kind_.texts.called, name_, kind_.names(changed)); !known) return known;
  if (auto same = stays("state folder", folder_, state_folder(changed, name_)); !same) return same;
  auto options = kind_.options_of(changed, name_);
  if (!options) return fail(options.error());
  if (kind_.may_follow) {
    if (auto may = kind_.may_follow(serving_->options, *options); !may) return may;
  }
  next_ = Life{std::move(*options), changed.log_level};
  return {};
}

template <class Options>
Result<void> Daemon<Options>::run(const Topology& topology) {
  folder_ = state_folder(topology, name_);
  const auto lock = StateLock::take(folder_);
  if (!lock) return fail(lock.error());
  auto first = kind_.options_of(topology, name_);
  if (!first) return fail(first.error());
  next_ = Life{std::move(*first), topology.log_level};
  while (next_ && !signals_.stopped()) {
    auto before = std::exchange(serving_, std::exchange(next_, std::nullopt));
    if (!signals_.ready()) before.reset();  // what never served is nothing to go back to
    set_log_level(serving_->log_level);
    signals_.begin();
    const auto served = kind_.serve(serving_->options, signals_);
    if (served) continue;
    if (!before || signals_.ready()) return served;
    set_log_level(before->log_level);
    spdlog::error("reload failed, and what was served before is served again: {}",
                  served.error().message);
    static_cast<void>(signals_.arrived());  // a stop, or what is right, may have come meanwhile
    if (!next_) next_ = std::move(before);
    serving_.reset();  // if that does not begin either, there is nothing left to go back to
  }
  return {};
}

template <class Options>
int run_daemon(DaemonKind<Options> kind, int argc, char** argv) {
  const auto serve = [&](const Topology& topology, const std::string& path,
                         const std::string& name) {
    return Daemon<Options>(kind, path, name).run(topology);
  };
  return start_daemon(kind.texts, argc, argv, kind.names, kind.advice, serve);
}

}  // namespace forebay
