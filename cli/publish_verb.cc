// forebay publish
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/progress.h"
#include "cli/reach.h"
#include "cli/verb.h"
#include "common/base/limits.h"
#include "common/client/line_publisher.h"
#include "common/service/signals.h"

namespace forebay {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPatience{100};  // between two looks at signals and progress

struct PublishOptions {
  std::string stream;
  std::string file = "-";
  std::string name;  // --as
};

class Complaints final : public RejectSink {
 public:
  explicit Complaints(std::string file) : file_(std::move(file)) {}
  Result<void> add(const Reject& reject) override {
    std::fprintf(stderr, "%s:%llu: %s\n", file_.c_str(),
                 static_cast<unsigned long long>(reject.line), reject.reason.c_str());
    return {};
  }
  Result<void> settle() override { return {}; }

 private:
  std::string file_;
};

/// The file goes on to be the producer's only if somebody says who that is.
Result<std::uint64_t> fingerprint_of(const LineSource& source, const std::string& name) {
  if (source.is_stdin()) {
    if (!name.empty()) {
      notice("stdin is not resumable: what is given again is published again");
    }
    return 0;
  }
  const auto found = source.fingerprint();
  if (!found) return fail(found.error());
  return found->value_or(0);
}

/// The answer to the registration; nullopt if a stop signal came before it.
Result<std::optional<Acknowledgement>> registered(Publisher& publisher, const std::string& control,
                                                  StopSignals& signals) {
  const auto deadline = Steady::now() + limits::kRequestTimeout;
  while (true) {
    const auto answer = publisher.wait_registered(kPatience);
    if (answer) return *answer;
    if (auto failure = publisher.failure()) return fail(*failure);
    if (signals.arrived()) return std::nullopt;
    if (Steady::now() < deadline) continue;
    if (answer.error().code != ErrorCode::kTimeout) return fail(answer.error());
    return fail(ErrorCode::kTimeout,
                "no answer from the sidecar at " + control + "; is it running?");
  }
}

/// Publishes everything and waits until it is on disk; a stop signal ends it early.
Result<bool> pump(LineSource& source, Publisher& publisher, LinePublisher& lines,
                  StopSignals& signals, const std::string& control) {
  const std::uint64_t begin = source.offset();
  const std::uint64_t total = source.size() - std::min(begin, source.size());
  Progress progress;
  const auto show = [&] {
    const Acknowledgement now = publisher.acknowledged();
    progress.show(now.position.value - std::min(begin, now.position.value), total, now.events);
  };
  ProducerSequence position{};
  auto moved = Steady::now();
  bool stopped = false, told = false;
  const auto stalled = [&](const Error& why) {
    if (const auto now = publisher.acknowledged().position; now != position) {
      position = now;
      moved = Steady::now();
    }
    if (told || Steady::now() - moved < limits::kRequestTimeout) return;
    told = true;
    notice(why.message + " (waiting for the sidecar at " + control + ")");
  };
  while (!stopped) {
    const auto step = lines.step(kPatience);
    if (!step) return fail(step.error());
    if (*step == LinePublisher::Step::kEnd) break;
    if (*step == LinePublisher::Step::kWorked) moved = Steady::now();
    if (*step == LinePublisher::Step::kBlocked) stalled(lines.blocked_by());
    if (*step == LinePublisher::Step::kWaiting) source.wait(kPatience, signals.descriptor());
    stopped = signals.arrived();
    show();
  }
  std::optional<Steady::time_point> give_up;
  while (true) {
    const auto flushed = publisher.flush(kPatience);
    if (flushed) return !stopped;
    if (auto failure = publisher.failure()) return fail(*failure);
    const auto now = Steady::now();
    stopped = stopped || signals.arrived();
    if (stopped && !give_up) give_up = now + limits::kStopFlushTimeout;
    if (give_up && now >= *give_up) return false;
    stalled(flushed.error());
    show();
  }
}

void print_outcome(bool json, const Acknowledgement& acknowledged, std::uint64_t already,
                   std::uint64_t bad) {
  const std::string token = Position{acknowledged.incarnation, acknowledged.last}.token();
  if (json) {
    const nlohmann::ordered_json outcome{{"events", acknowledged.events},
                                         {"first", acknowledged.first.value},
                                         {"last", acknowledged.last.value},
                                         {"token", token},
                                         {"already", already},
                                         {"bad", bad}};
    std::printf("%s\n", outcome.dump().c_str());
    return;
  }
  if (already > 0) {
    notice(already == 1 ? "the first line was dealt with by an earlier run"
                        : "the first " + std::to_string(already) +
                              " lines were dealt with by an earlier run");
  }
  std::printf("acknowledged %llu events", static_cast<unsigned long long>(acknowledged.events));
  if (acknowledged.first.value > 0) {
    std::printf(", sequences %llu-%llu", static_cast<unsigned long long>(acknowledged.first.value),
                static_cast<unsigned long long>(acknowledged.last.value));
  }
  std::printf(", token %s\n", token.c_str());
}

int publish(const Globals& globals, const PublishOptions& options) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  const auto sidecar = reach_stream(globals, *topology, options.stream);
  if (!sidecar) return exit_with(sidecar.error());
  if (!options.name.empty() && !is_name(options.name)) {
    return exit_with({ErrorCode::kBadInput,
                      "--as: a name has 1 to 64 of a-z, 0-9, '.', '_' and '-', the first a letter "
                      "or digit"});
  }
  const auto source = LineSource::open(options.file, false);
  if (!source) return exit_with(source.error());
  const auto fingerprint = fingerprint_of(**source, options.name);
  if (!fingerprint) return exit_with(fingerprint.error());

  StopSignals signals;
  auto publisher = Publisher::connect({.ingest = sidecar->endpoints.ingest,
                                       .control = sidecar->endpoints.control,
                                       .stream = options.stream,
                                       .name = options.name,
                                       .fingerprint = options.name.empty() ? 0 : *fingerprint,
                                       .source = options.name.empty() ? "" : "/" + options.name});
  if (!publisher) return exit_with(publisher.error());
  const auto start = registered(**publisher, sidecar->endpoints.control, signals);
  if (!start) return exit_with(start.error());
  if (!*start) {
    notice("stopped before anything was published");
    return kExitFailed;
  }
  if (!(*source)->is_stdin()) {
    if (auto resumed = (*source)->resume((*start)->position.value); !resumed) {
      return exit_with(resumed.error());
    }
  }
  const std::uint64_t already = (*source)->lines();

  Complaints complaints((*source)->path());
  LinePublisher lines(**source, **publisher, complaints);
  const auto whole = pump(**source, **publisher, lines, signals, sidecar->endpoints.control);
  const std::uint64_t unfinished = whole && *whole ? (*source)->unfinished() : 0;
  if (unfinished > 0) {
    std::fprintf(stderr,
                 "%s:%llu: the last line has no newline: left alone (append one, or give the file "
                 "as - on stdin)\n",
                 (*source)->path().c_str(),
                 static_cast<unsigned long long>((*source)->lines() + 1));
  }
  const std::uint64_t bad = lines.rejected() + (unfinished > 0 ? 1 : 0);
  print_outcome(globals.json, (*publisher)->acknowledged(), already, bad);
  if (!whole) return exit_with(whole.error());
  if (!*whole) {
    notice("stopped before the end; what is acknowledged is on disk");
    return kExitFailed;
  }
  if (bad == 0) return kExitDone;
  notice(std::to_string(bad) + (bad == 1 ? " line was" : " lines were") + " not published");
  return kExitBadInput;
}

}  // namespace

void add_publish_verb(CLI::App& app, Globals& globals) {
  CLI::App* verb = add_verb(
      app, globals, "publish", "Publishes the events of a file or of stdin, one in JSON a line",
      "  forebay publish inventory stock.ndjson --as wms     goes on where it was, if run again\n"
      "  echo '{\"type\": \"stock.set\", \"data\": {\"sku\": \"a\"}}' | forebay publish inventory\n"
      "Exit codes: 0 all on disk, 1 failed or stopped, 2 bad usage, or some lines were no events "
      "(they are named on stderr; the others are on disk).\n");
  add_json_flag(*verb, globals);
  auto options = std::make_shared<PublishOptions>();
  verb->add_option("STREAM", options->stream, "The stream")->required();
  verb->add_option("FILE", options->file, "The file; - is stdin, the default");
  verb->add_option("--as", options->name,
                   "Who publishes: a file published again under the same name goes on after the "
                   "last line that is on disk")
      ->type_name("NAME");
  run_as(*verb, globals, [&globals, options] { return publish(globals, *options); });
}

}  // namespace forebay
