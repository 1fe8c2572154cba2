#include "cli/range_replay.h"

#include <chrono>

#include "cli/progress.h"
#include "cli/verb.h"
#include "common/base/limits.h"
#include "common/base/mailbox.h"
#include "common/event/event_codec.h"

namespace forebay {
namespace {

using Steady = std::chrono::steady_clock;

/// When each event is due.
class Pacer {
 public:
  explicit Pacer(ReplayPace pace) : pace_(pace) { poller_.add(never_.descriptor()); }

  [[nodiscard]] Steady::time_point next_turn(WallTime committed) {
    if (pace_.rate <= 0 && pace_.times <= 0) return {};
    if (count_ == 0) {
      begin_ = Steady::now();
      first_ = committed;
    }
    const double seconds =
        pace_.rate > 0 ? static_cast<double>(count_) / pace_.rate
                       : std::chrono::duration<double>(committed - first_).count() / pace_.times;
    ++count_;
    return begin_ +
           std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(seconds));
  }
  void wait_until(Steady::time_point turn) {
    while (Steady::now() < turn) {
      poller_.wait(std::chrono::ceil<std::chrono::milliseconds>(turn - Steady::now()));
    }
  }

 private:
  ReplayPace pace_;
  std::uint64_t count_ = 0;
  Steady::time_point begin_{};
  WallTime first_{};
  Mailbox<char> never_;
  Poller poller_;
};

class RangeReplay {
 public:
  RangeReplay(const Selection& selection, ReplayPace pace, ReplaySink* sink)
      : selection_(selection), pacer_(pace), sink_(sink) {}

  Result<ReplaySummary> run(RangeReader& reader, std::uint64_t total) {
    Progress bar;
    while (true) {
      const auto piece = reader.next(limits::kCommandTimeout);
      if (!piece) {
        return fail(piece.error().in("stopped before event " +
                                     std::to_string(reader.position().value) +
                                     ", from which another replay can go on"));
      }
      if (!*piece) return summary_;
      if (const auto* events = std::get_if<RangeReader::Events>(&**piece)) {
        if (auto replayed = replay(*events); !replayed) return fail(replayed.error());
      } else {
        lose(std::get<RangeReader::Missing>(**piece));
      }
      bar.show(summary_.read + summary_.lost, total, summary_.replayed);
    }
  }

 private:
  Result<void> replay(const RangeReader::Events& events) {
    const BatchHeader& header = events.batch.header();
    EventRecords records = events.batch.events();
    for (std::uint64_t index = 0; index < events.skip + events.count; ++index) {
      const auto encoded = records.next();
      if (!encoded) break;
      if (index < events.skip) continue;
      ++summary_.read;
      const auto event = decode_event(*encoded, events.batch.shared());
      if (!event) {
        ++summary_.refused;
        notice("event " + std::to_string(header.first().value + index) + ": " +
               event.error().message);
        continue;
      }
      if (!selection_.takes(*event)) continue;
      ++summary_.replayed;
      if (sink_ == nullptr) continue;
      if (const auto turn = pacer_.next_turn(header.place.commit_time); turn > Steady::now()) {
        if (auto flushed = flush(); !flushed) return flushed;
        pacer_.wait_until(turn);
      }
      if (auto taken = sink_->take({events.batch, index, *encoded, *event}); !taken) return taken;
    }
    return sink_ == nullptr ? Result<void>() : flush();
  }

  Result<void> flush() {
    const auto refused = sink_->flush();
    if (!refused) return fail(refused.error());
    summary_.replayed -= *refused;
    summary_.refused += *refused;
    return {};
  }

  void lose(const RangeReader::Missing& missing) {
    notice(std::to_string(missing.count) + " events from " + std::to_string(missing.first.value) +
           " on are not in the log: " + missing.reason);
    summary_.lost += missing.count;
  }

  const Selection& selection_;
  Pacer pacer_;
  ReplaySink* sink_;
  ReplaySummary summary_;
};

}  // namespace

Result<ReplaySummary> replay_range(ControlClient& client, const RangeReader::Range& range,
                                   const Selection& selection, ReplayPace pace, ReplaySink* sink) {
  RangeReader reader(client, range);
  return RangeReplay(selection, pace, sink).run(reader, range.to.value - range.from.value);
}

}  // namespace forebay
