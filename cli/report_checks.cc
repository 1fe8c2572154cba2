#include "cli/report_checks.h"

#include <nlohmann/json.hpp>

#include "cli/status_report.h"
#include "common/base/limits.h"
#include "common/event/json_fields.h"

namespace forebay {
namespace {

constexpr const char* kSidecarProgram = "forebay-sidecar";

/// Nothing came back from `resident`, which is of this host.
Finding no_answer(Finding found, const Resident& resident) {
  found.severity = Severity::kWrong;
  if (resident.folder_there && !resident.may_enter) {
    found.severity = Severity::kWarning;
    found.cause =
        "this user may not ask it: " + resident.folder + " is of '" + resident.owner + "'";
    found.mend = "run this as '" + resident.owner + "' or root";
  } else if (resident.process) {
    found.cause = "process " + std::to_string(*resident.process) + " runs and does not answer";
    found.mend = how_to("restart", resident.name, resident.program) + "; its log may say why";
  } else {
    found.cause = "it does not run: no process holds " + resident.folder;
    found.mend = how_to("start", resident.name, resident.program);
  }
  return found;
}

Finding check_reachability(const Sidecar& sidecar, const Result<Json>& report,
                           const Resident* resident) {
  Finding found{"reachability", sidecar.name};
  if (report || report.error().code == ErrorCode::kForbidden) return found;
  const std::string& message = report.error().message;
  if (resident != nullptr && report.error().code == ErrorCode::kTimeout)
    return no_answer(found, *resident);
  found.severity = Severity::kWrong;
  found.cause = message;
  found.mend = report.error().code == ErrorCode::kTimeout
                   ? "on host '" + sidecar.host + "' " +
                         how_to("start", sidecar.name, kSidecarProgram) +
                         "; or look at the network between"
                   : "see docs/security.md for keys, docs/topology.md for where it is asked";
  return found;
}

/// With the topology of now, and nobody disconnected for long.
std::string how_to_reload(const Sidecar& sidecar, const Resident* resident) {
  const std::string reload =
      std::string("`systemctl reload ") + kSidecarProgram + "@" + sidecar.name + "`";
  if (resident == nullptr) return "on host '" + sidecar.host + "' " + reload;
  if (!resident->process) return reload;
  return reload + ", or `kill -HUP " + std::to_string(*resident->process) +
         "` where `forebay up` runs it";
}

Findings check_streams(const Sidecar& sidecar, const Json& report, const Resident* resident) {
  SidecarAnswer answer{sidecar.name, {}, report, {}, {}, {}};
  for (const Stream& stream : sidecar.streams) answer.streams.push_back(stream.name);
  Findings all;
  for (const std::string& name : streams_not_served(answer)) {
    all.push_back({"streams", sidecar.name, Severity::kWrong,
                   "it does not serve stream '" + name + "': it runs with an older topology",
                   how_to_reload(sidecar, resident)});
  }
  if (all.empty()) all.push_back({"streams", sidecar.name});
  return all;
}

Findings check_log(const Sidecar& sidecar, const Json& report, const Alerts& alerts) {
  Findings all;
  const auto add = [&](Severity severity, const char* alert, std::string cause, std::string mend) {
    all.push_back({"log", sidecar.name, severity, std::move(cause), std::move(mend), alert});
  };
  const Json& disk = object_in(report, "disk");
  const std::uint64_t left = number_in(disk, "left").value_or(0);
  const std::uint64_t of = number_in(disk, "of").value_or(0);
  const std::string mend_room =
      "make room on its disk, raise its disk_max, or let its streams keep less (`retention`)";
  if (says(report, "full")) {
    add(Severity::kWrong, "full", "it is full, and publishers hold", mend_room);
  } else if (alerts.low(left, of)) {
    add(Severity::kWarning, "disk",
        short_size(left) + " of " + short_size(of) + " are left for events", mend_room);
  }
  for (const Json& stream : list_in(report, "streams")) {
    const std::string name = "stream '" + text_in(stream, "stream") + "'";
    if (const auto damaged = number_in(stream, "damaged").value_or(0); damaged > 0)
      add(Severity::kWrong, "damaged",
          std::to_string(damaged) + " sequences of " + name + " are damaged",
          "stop it, and run `forebay verify " + sidecar.name + " --repair`");
    if (const auto lost = number_in(stream, "lost").value_or(0); lost > 0)
      add(Severity::kWarning, "lost",
          std::to_string(lost) + " events of " + name + " are lost: its log has gaps",
          "restore a backup beside it and look for them there; `forebay verify " + sidecar.name +
              "` names the ranges (of a sidecar that is stopped)");
    if (says(stream, "refusing"))
      add(Severity::kWrong, "waits", name + " takes no events until a consumer has read",
          "start the consumer that is behind (`forebay consumers list`), or `forebay consumers "
          "forget` it");
  }
  if (all.empty()) all.push_back({"log", sidecar.name});
  return all;
}

Finding check_sidecar_clock(const Sidecar& sidecar, const Json& report) {
  Finding found{"clock", sidecar.name};
  if (!says(report, "clock_doubted")) return found;
  found.severity = Severity::kWrong;
  found.alert = "clock";
  found.cause = "it doubts the clock, which jumped, and trims nothing by age";
  found.mend = "synchronise the clock; or look that it is right, and run `forebay clock trust " +
               sidecar.name + "`";
  return found;
}

Finding check_version(const Sidecar& sidecar, const Json& report, const std::string& version) {
  Finding found{"versions", sidecar.name};
  const std::string its = text_in(report, "version");
  if (its == version) return found;
  found.severity = Severity::kWarning;
  found.cause = (its.empty() ? "it says no version, and is older than this command, "
                             : "it is of version " + its + ", and this command of ") +
                version;
  found.mend =
      how_to("restart", sidecar.name, kSidecarProgram) + ", so that it runs what is installed";
  return found;
}

/// What is not well with a consumer in one stream.
class StreamChecks {
 public:
  StreamChecks(std::string consumer, const Node* node, std::string stream)
      : consumer_(std::move(consumer)), node_(node), stream_(std::move(stream)) {}

  void check(const Json& entry) {
    const std::string reset = "`forebay consumers reset " + consumer_ + " " + stream_;
    const std::string forget = "`forebay consumers forget " + consumer_ + " " + stream_ + "`";
    if (text_in(entry, "state") == "DIVERGED")
      add(Severity::kWrong, "diverged",
          "it stands still: the log is another than it has read (DIVERGED)",
          reset +
              " --rebuild` for a new view, or --adopt to keep the one it has: docs/cli.md says "
              "which is right");
    const auto registered = entry.find("registered"), in_topology = entry.find("in_topology");
    const bool here = registered != entry.end() && *registered == true;
    if (in_topology != entry.end() && *in_topology == false) {
      if (here)
        add(Severity::kWarning, "silent_consumer", "it registered once, and is not in the topology",
            forget);
      return;
    }
    if (registered != entry.end() && *registered == false)
      add(Severity::kWrong, "", "its sidecar has never heard of it", start());
    const auto silence = milliseconds_in(entry, "heard_ms");
    if (here && (!silence || *silence > limits::kConsumerSilent))
      add(Severity::kWrong, "silent_consumer",
          silence ? "it has been silent for " + short_duration(*silence)
                  : "it has not been heard of since its sidecar started",
          start() + "; if it is gone for good, " + forget);
    if (const auto lost = number_in(entry, "lost").value_or(0); lost > 0)
      add(Severity::kWarning, "lost",
          std::to_string(lost) + " events were trimmed or damaged before it had read them",
          "publish again what its view lacks; a longer `retention` lets it be away longer");
    if (const auto failed = number_in(entry, "failed").value_or(0); failed > 0)
      add(Severity::kWarning, "", std::to_string(failed) + " events were refused by its handler",
          "its log says which and why; mend that, and `forebay rebuild " + consumer_ + "`");
  }

  Findings all;

 private:
  void add(Severity severity, const char* alert, std::string cause, std::string mend) {
    all.push_back({"consumers", consumer_ + ", " + stream_, severity, std::move(cause),
                   std::move(mend), alert});
  }
  [[nodiscard]] std::string start() const {
    const bool own = node_ == nullptr || node_->kind == NodeKind::kService;
    return (node_ == nullptr ? "" : "on host '" + node_->host + "' ") +
           how_to("start", consumer_, own ? "" : "forebay-" + std::string(to_string(node_->kind)));
  }

  std::string consumer_;
  const Node* node_;
  std::string stream_;
};

}  // namespace

Findings check_sidecar(const Sidecar& sidecar, const Result<Json>& report, const Resident* resident,
                       const std::string& version, const Alerts& alerts) {
  Findings all{check_reachability(sidecar, report, resident)};
  if (!report) return all;
  all.push_back(check_version(sidecar, *report, version));
  all.push_back(check_sidecar_clock(sidecar, *report));
  for (const auto& more :
       {check_streams(sidecar, *report, resident), check_log(sidecar, *report, alerts)})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

Finding check_node(const Result<Json>& status, const Resident& resident) {
  const Finding found{"reachability", resident.name};
  return status ? found : no_answer(found, resident);
}

Findings check_consumers(const Topology& topology, const ConsumersHeard& heard) {
  Findings all;
  for (const Json& consumer : consumer_list(topology, heard)) {
    const std::string name = text_in(consumer, "consumer");
    if (name.empty()) continue;  // a sidecar that did not answer
    Findings of_it;
    bool heard_of = false;
    for (const Json& entry : list_in(consumer, "streams")) {
      heard_of = heard_of || !text_in(entry, "state").empty();
      StreamChecks checks(name, topology.node(name), text_in(entry, "stream"));
      checks.check(entry);
      of_it.insert(of_it.end(), checks.all.begin(), checks.all.end());
    }
    if (of_it.empty() && heard_of) of_it.push_back({"consumers", name});
    all.insert(all.end(), of_it.begin(), of_it.end());
  }
  return all;
}

}  // namespace forebay
