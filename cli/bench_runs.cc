#include "cli/bench_runs.h"

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "cli/made_events.h"
#include "common/client/consumer.h"
#include "common/client/publisher.h"
#include "common/client/range_reader.h"
#include "common/event/event_codec.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kPatience{20};      // between two looks at signals
constexpr seconds kStalled{30};            // without an event on disk or in a handler: given up
constexpr std::uint64_t kBeatEvents = 64;  // published between two looks at the time
constexpr seconds kOpenLoop{4};

MonoTime now() { return SystemClock().mono(); }

/// A publisher whose waits see signals.
class Producer {
 public:
  static Result<Producer> connect(BenchSidecar& sidecar, const std::string& stream) {
    const ClientEndpoints& at = sidecar.endpoints();
    auto publisher = Publisher::connect(
        {.ingest = at.ingest, .control = at.control, .stream = stream, .source = "/bench"});
    if (!publisher) return fail(publisher.error());
    Producer producer(sidecar, std::move(*publisher));
    const auto registered =
        producer.waited([&] { return producer.publisher_->wait_registered(kPatience); });
    if (!registered) return fail(registered.error());
    return producer;
  }

  /// Waits for room.
  Result<void> put(const Event& event) {
    const auto taken = publisher_->publish(event);
    if (!taken) return fail(taken.error());
    if (*taken == Admission::kTaken) return {};
    return waited([&] { return publisher_->publish_within(kPatience, event); });
  }

  /// Until all is on disk.
  Result<void> settle() {
    return waited([&] { return publisher_->flush(kPatience); });
  }

 private:
  Producer(BenchSidecar& sidecar, std::unique_ptr<Publisher> publisher)
      : sidecar_(&sidecar), publisher_(std::move(publisher)) {}

  /// Again and again while it ends with a timeout.
  template <class Try>
  Result<void> waited(Try attempt) {
    std::uint64_t settled = publisher_->acknowledged().events;
    for (MonoTime deadline = now() + kStalled;;) {
      const auto done = attempt();
      if (done) return {};
      if (done.error().code != ErrorCode::kTimeout || now() >= deadline) return fail(done.error());
      if (auto checked = sidecar_->check(); !checked) return checked;
      if (const auto events = publisher_->acknowledged().events; events != settled) {
        settled = events;
        deadline = now() + kStalled;
      }
    }
  }

  BenchSidecar* sidecar_;
  std::unique_ptr<Publisher> publisher_;
};

/// Counts what arrives and, once told when each event was due, how late it is.
class Arrivals final : public Handler {
 public:
  std::vector<std::string> tables() const override { return {}; }
  Result<void> apply(const EventView&, const EventContext& context, ViewWriter&) override {
    const MonoTime arrived = now();
    if (const double gap = gap_ns_.load(std::memory_order_acquire); gap > 0) {
      latencies_.add(arrived - due(context.sequence.value - 1, begin_, gap));
    }
    last_ = arrived;
    seen_.store(context.sequence.value, std::memory_order_release);
    return {};
  }

  /// When the event of that number, from 0, is due.
  static MonoTime due(std::uint64_t number, MonoTime begin, double gap_ns) {
    return begin + Nanoseconds(static_cast<std::int64_t>(static_cast<double>(number) * gap_ns));
  }
  void expect(MonoTime begin, double gap_ns) {
    begin_ = begin;
    gap_ns_.store(gap_ns, std::memory_order_release);
  }

  [[nodiscard]] std::uint64_t seen() const { return seen_.load(std::memory_order_acquire); }
  // Once all that is expected has been seen:
  [[nodiscard]] MonoTime last() const { return last_; }
  [[nodiscard]] const Latencies& latencies() const { return latencies_; }

 private:
  std::atomic<std::uint64_t> seen_ = 0;
  std::atomic<double> gap_ns_ = 0;
  MonoTime begin_{}, last_{};
  Latencies latencies_;
};

/// A consumer that is live.
class LiveReader {
 public:
  static Result<std::unique_ptr<LiveReader>> start(BenchSidecar& sidecar,
                                                   const std::string& stream) {
    std::unique_ptr<LiveReader> listener(new LiveReader(sidecar));
    const std::string folder = sidecar.path("consumer-" + stream);
    std::error_code error;
    if (!std::filesystem::create_directory(folder, error)) {
      return fail(ErrorCode::kIo, "cannot make " + folder + ": " + error.message());
    }
    auto consumer = Consumer::open(
        {.name = "bench-" + stream,
         .state_dir = folder,
         .links = {{sidecar.endpoints().control, sidecar.endpoints().broadcast, {{stream, {}}}}}},
        listener->arrivals_);
    if (!consumer) return fail(consumer.error());
    listener->consumer_ = std::move(*consumer);
    listener->consumer_->start();
    const auto live = listener->wait_until([&] {
      const auto status = listener->consumer_->status();
      const auto found = status.find(stream);
      return found != status.end() && found->second.state == Subscription::State::kLive;
    });
    if (!live) return fail(live.error());
    return listener;
  }

  Arrivals& arrivals() { return arrivals_; }

  /// Until the handler has had so many events.
  Result<void> wait_for(std::uint64_t events, BenchPulse& pulse) {
    return wait_until([&] {
      const std::uint64_t seen = arrivals_.seen();
      static_cast<void>(pulse.beat(seen, now()));  // only for its bar: wait_until looks at the rest
      return seen >= events;
    });
  }

 private:
  explicit LiveReader(BenchSidecar& sidecar) : sidecar_(sidecar) {}

  template <class Condition>
  Result<void> wait_until(Condition condition) {
    std::uint64_t seen = arrivals_.seen();
    MonoTime deadline = now() + kStalled;
    while (!condition()) {
      if (auto checked = sidecar_.check(milliseconds(2)); !checked) return checked;
      if (const auto failure = consumer_->failure()) return fail(*failure);
      if (const auto events = arrivals_.seen(); events != seen) {
        seen = events;
        deadline = now() + kStalled;
      }
      if (now() >= deadline) {
        return fail(ErrorCode::kTimeout, "the consumer got " + std::to_string(seen) +
                                             " events, and then none for a long time");
      }
    }
    return {};
  }

  BenchSidecar& sidecar_;
  Arrivals arrivals_;
  std::unique_ptr<Consumer> consumer_;  // uses arrivals_
};

/// As many as the plan says: how many that were.
Result<std::uint64_t> put_all(Producer& producer, const BenchPlan& plan, BenchPulse& pulse) {
  MadeEvents made(plan.event_bytes);
  for (std::uint64_t i = 0; i < plan.events; ++i) {
    if (i % kBeatEvents == 0) {
      const MonoTime at = now();
      if (auto checked = pulse.beat(i, at); !checked) return fail(checked.error());
      if (i > 0 && pulse.over(at)) return i;
    }
    if (auto put = producer.put(made.event(i)); !put) return fail(put.error());
  }
  return plan.events;
}

/// Until then, or a little while. poll's clock has a far finer grain than a poller's milliseconds.
void wait_a_little(Nanoseconds time) {
  const Nanoseconds capped = std::min<Nanoseconds>(time, kPatience);
  const timespec limit{0, static_cast<long>(capped.count())};
  ::ppoll(nullptr, 0, &limit, nullptr);
}

}  // namespace

std::uint64_t bench_bytes_needed(const BenchPlan& plan) {
  constexpr std::uint64_t kPage = 4096, kSpare = 256 * 1024 * 1024;
  // At full speed batches are large and fill their pages; at less an event may come alone, and a
  // large one then has pages of its own.
  const std::uint64_t together = (plan.event_bytes + 16) * 17 / 16;
  const std::uint64_t alone = (plan.event_bytes / kPage + 2) * kPage;
  return 2 * plan.events * together + plan.events * (together < kPage / 2 ? together : alone) +
         std::min(plan.events, kBenchSinglesMax) * alone + kSpare;
}

Result<void> BenchPulse::beat(std::uint64_t done, MonoTime now) {
  if (now < next_) return {};
  next_ = now + kPatience;
  // Whichever ends first, the events or the time, is what the bar is of.
  const auto ms = [](Nanoseconds time) {
    return static_cast<std::uint64_t>(time.count() / 1'000'000);
  };
  const std::uint64_t passed = ms(now - begin_), most = plan_.time_max ? ms(*plan_.time_max) : 0;
  const bool timed = most > 0 && static_cast<double>(passed) / static_cast<double>(most) >
                                     static_cast<double>(done) / static_cast<double>(plan_.events);
  bar_.show(timed ? passed : done, timed ? most : plan_.events, done);
  return sidecar_.check();
}

bool BenchPulse::over(MonoTime now) const {
  return plan_.time_max && now - begin_ >= *plan_.time_max;
}

Result<Measured> BenchRuns::publish() {
  auto producer = Producer::connect(sidecar_, "publish");
  if (!producer) return fail(producer.error());
  BenchPulse pulse(sidecar_, "publish", plan_);
  const auto count = put_all(*producer, plan_, pulse);
  if (!count) return fail(count.error());
  if (auto settled = producer->settle(); !settled) return fail(settled.error());
  return Measured{"publish", *count, now() - pulse.begin(), plan_.event_bytes, {}};
}

Result<Measured> BenchRuns::end_to_end() {
  const auto listener = LiveReader::start(sidecar_, "live");
  if (!listener) return fail(listener.error());
  auto producer = Producer::connect(sidecar_, "live");
  if (!producer) return fail(producer.error());
  BenchPulse pulse(sidecar_, "end to end", plan_);
  const auto count = put_all(*producer, plan_, pulse);
  if (!count) return fail(count.error());
  if (auto arrived = (*listener)->wait_for(*count, pulse); !arrived) return fail(arrived.error());
  return Measured{
      "end to end", *count, (*listener)->arrivals().last() - pulse.begin(), plan_.event_bytes, {}};
}

Result<Measured> BenchRuns::half_speed(double speed) {
  const auto listener = LiveReader::start(sidecar_, "load");
  if (!listener) return fail(listener.error());
  auto producer = Producer::connect(sidecar_, "load");
  if (!producer) return fail(producer.error());
  const double rate = speed / 2, gap_ns = 1e9 / rate;
  BenchPlan plan = plan_;
  if (plan.time_max) {
    const double most = rate * std::chrono::duration<double>(kOpenLoop).count();
    plan.events = std::min(plan.events, static_cast<std::uint64_t>(std::max(most, 1.0)));
    plan.time_max.reset();  // those that are due are published, however long it takes
  }
  MadeEvents made(plan.event_bytes);
  BenchPulse pulse(sidecar_, "half speed", plan);
  Arrivals& arrivals = (*listener)->arrivals();
  arrivals.expect(pulse.begin(), gap_ns);
  for (std::uint64_t i = 0; i < plan.events; ++i) {
    const MonoTime due = Arrivals::due(i, pulse.begin(), gap_ns);
    MonoTime at = now();
    for (; at < due; at = now()) {
      if (auto checked = pulse.beat(i, at); !checked) return fail(checked.error());
      wait_a_little(due - at);
    }
    if (auto checked = pulse.beat(i, at); !checked) return fail(checked.error());
    if (auto put = producer->put(made.event(i)); !put) return fail(put.error());
  }
  if (auto arrived = (*listener)->wait_for(plan.events, pulse); !arrived) {
    return fail(arrived.error());
  }
  return Measured{"half speed", plan.events, arrivals.last() - pulse.begin(), plan.event_bytes,
                  arrivals.latencies()};
}

Result<Measured> BenchRuns::one_and_wait() {
  auto producer = Producer::connect(sidecar_, "wait");
  if (!producer) return fail(producer.error());
  BenchPlan plan = plan_;
  plan.events = std::min(plan.events, kBenchSinglesMax);
  plan.time_max = kBenchSinglesTime;
  MadeEvents made(plan.event_bytes);
  Latencies latencies;
  BenchPulse pulse(sidecar_, "one and wait", plan);
  MonoTime begin = pulse.begin();
  while (latencies.count() < plan.events && (latencies.count() == 0 || !pulse.over(begin))) {
    if (auto put = producer->put(made.event(latencies.count())); !put) return fail(put.error());
    if (auto settled = producer->settle(); !settled) return fail(settled.error());
    latencies.add(now() - begin);
    if (auto checked = pulse.beat(latencies.count(), now()); !checked) return fail(checked.error());
    begin = now();
  }
  const Nanoseconds took = begin - pulse.begin();
  return Measured{"one and wait", latencies.count(), took, 0, latencies};
}

Result<Measured> BenchRuns::replay() {
  const auto client = ControlClient::connect(sidecar_.endpoints().control);
  if (!client) return fail(client.error());
  RangeReader reader(**client, {.stream = "publish", .from = Sequence{1}, .incarnation = {}});
  BenchPulse pulse(sidecar_, "replay", plan_);
  std::uint64_t count = 0;
  while (true) {
    const auto piece = reader.next(limits::kRequestTimeout);
    if (!piece) return fail(piece.error());
    if (!*piece) break;
    const auto* events = std::get_if<RangeReader::Events>(&**piece);
    if (events == nullptr) return fail(ErrorCode::kCorruption, "the log has a gap");
    EventRecords records = events->batch.events();
    while (const auto encoded = records.next()) {
      const auto event = decode_event(*encoded, events->batch.shared());
      if (!event) return fail(event.error());
      ++count;
    }
    if (auto checked = pulse.beat(count, now()); !checked) return fail(checked.error());
  }
  return Measured{"replay", count, now() - pulse.begin(), plan_.event_bytes, {}};
}

}  // namespace forebay
