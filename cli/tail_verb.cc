// forebay tail
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>

#include "cli/reach.h"
#include "cli/selection.h"
#include "cli/verb.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/client/range_reader.h"
#include "common/event/event_codec.h"
#include "common/event/event_json.h"
#include "common/wire/listener.h"

namespace forebay {
namespace {

struct TailOptions {
  std::string stream;
  std::string from = "start";
  bool follow = false;
  Selection selection;
  std::uint64_t limit = 0;  // 0: none
};

// How it ends when a signal ends it: quietly, and as it would have at its own end.
volatile std::sig_atomic_t exit_code = kExitDone;
void end_quietly(int) { ::_exit(exit_code); }

class Tail {
 public:
  explicit Tail(const TailOptions& options) : options_(options) {}

  /// Prints what there is up to the head. False when the limit is reached.
  Result<bool> drain(RangeReader& reader) {
    while (true) {
      const auto piece = reader.next(limits::kRequestTimeout);
      if (!piece) return fail(piece.error());
      if (!*piece) return true;
      if (const auto* missing = std::get_if<RangeReader::Missing>(&**piece)) {
        notice("gap: sequences " + std::to_string(missing->first.value) + "-" +
               std::to_string(missing->first.value + missing->count - 1) +
               " are not held any more (" + missing->reason + ")");
        exit_code = kExitFailed;
      } else if (!print(std::get<RangeReader::Events>(**piece))) {
        return false;
      }
    }
  }

 private:
  bool print(const RangeReader::Events& events) {
    text_.clear();
    EventRecords records = events.batch.events();
    const bool unlimited = options_.limit == 0;
    for (std::uint64_t i = 0; i < events.skip + events.count; ++i) {
      const auto record = records.next();
      if (!record) break;
      if (i < events.skip) continue;
      if (!unlimited && printed_ == options_.limit) break;
      const auto event = decode_event(*record, events.batch.shared());
      if (event && !options_.selection.takes(*event)) continue;
      const auto line = event ? event_to_json(*event, events.batch.header(), i)
                              : Result<std::string>(fail(event.error()));
      if (!line) {
        notice("sequence " + std::to_string(events.batch.header().first().value + i) + ": " +
               line.error().message);
        exit_code = kExitFailed;
        continue;
      }
      text_ += *line;
      text_ += '\n';
      ++printed_;
    }
    if (std::fwrite(text_.data(), 1, text_.size(), stdout) != text_.size() ||
        std::fflush(stdout) != 0) {
      notice(std::string("cannot write to stdout: ") + std::strerror(errno));
      exit_code = kExitFailed;
      return false;
    }
    return unlimited || printed_ < options_.limit;
  }

  const TailOptions& options_;
  std::uint64_t printed_ = 0;
  std::string text_;
};

/// Broadcasts and beacons of the stream as a bell; what they say is fetched.
class Bell {
 public:
  explicit Bell(const Reached& sidecar)
      : listener_(context_, limits::kBroadcastHighWaterMessages, sidecar.credentials) {}
  Result<void> connect(const Reached& sidecar, const std::string& stream) {
    if (auto connected = listener_.connect(sidecar.endpoints.broadcast); !connected)
      return connected;
    listener_.hear(stream);
    poller_.add(listener_.socket());
    return {};
  }
  void wait() {
    listener_.say_what(clock_.mono());
    poller_.wait(limits::kHearingInterval);
    while (listener_.receive()) {
    }
  }

 private:
  Context context_;
  SystemClock clock_;
  Listener listener_;
  Poller poller_;
};

int follow(Tail& tail, RangeReader& reader, Bell& bell) {
  bool waiting = false;
  while (true) {
    const auto more = tail.drain(reader);
    if (more && !*more) return exit_code;
    if (!more && more.error().code != ErrorCode::kTimeout) return exit_with(more.error());
    if (!more && !waiting) notice(more.error().message + " (waiting for it)");
    waiting = !more;
    if (more) bell.wait();
  }
}

int tail(const Globals& globals, const TailOptions& options) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  const auto sidecar = reach_stream(globals, *topology, options.stream);
  if (!sidecar) return exit_with(sidecar.error());
  const auto client = sidecar->control();
  if (!client) return exit_with(client.error());
  Bell bell(*sidecar);
  if (options.follow) {
    // First, so that nothing committed from now on goes by without a ring.
    if (auto connected = bell.connect(*sidecar, options.stream); !connected) {
      return exit_with(connected.error());
    }
  }
  const auto from =
      resolve_position(**client, options.stream, options.from, limits::kRequestTimeout);
  if (!from) return exit_with(from.error());
  RangeReader reader(**client, {options.stream, from->sequence, {}, from->incarnation});
  Tail output(options);
  if (!options.follow) {
    const auto drained = output.drain(reader);
    return drained ? static_cast<int>(exit_code) : exit_with(drained.error());
  }
  std::signal(SIGINT, end_quietly);
  std::signal(SIGTERM, end_quietly);
  return follow(output, reader, bell);
}

}  // namespace

void add_tail_verb(CLI::App& app, Globals& globals) {
  CLI::App* verb =
      add_verb(app, globals, "tail", "Prints the events of a stream, one in JSON a line",
               "  forebay tail inventory --from 2026-03-01T09:30:00Z --type 'stock.*'\n"
               "  forebay tail inventory --from end --follow | jq .data\n"
               "Exit codes: 0 done, 1 failed, or some events are not held any more (named on "
               "stderr), 2 bad usage.\n");
  auto options = std::make_shared<TailOptions>();
  verb->add_option("STREAM", options->stream, "The stream")->required();
  verb->add_option("--from", options->from,
                   "start (the oldest held; the default), end, a sequence, a token, or a time: the "
                   "first batch committed at or after it")
      ->type_name("POSITION");
  verb->add_flag("--follow", options->follow, "Go on with what comes, until Ctrl-C");
  options->selection.add_options(*verb);
  add_key_option(*verb, globals);
  verb->add_option("--limit", options->limit, "End after so many events")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  run_as(*verb, globals, [&globals, options] { return tail(globals, *options); });
}

}  // namespace forebay
