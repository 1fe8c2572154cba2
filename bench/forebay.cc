// One side of a Forebay pipeline under measurement, against a sidecar that runs already; the driver
// (bench/measure.py) starts one of these a role.
//
//   bench_forebay ROLE --state FOLDER --stream NAME --events N [--size BYTES] …
//
//   publish   through the public publish(), until all is on disk
//   wait      one event at a time: publish, and wait until it is on disk
//   handler   one event at a time: publish, and wait until a consumer's handler has it
//   listen    a consumer that checks every sequence and checksum and keeps nothing
//   view      a consumer that keeps the last event of each key in a view, with its cursor
//
// FOLDER is the sidecar's. listen and view print {"ready": true} once they are live (with --behind:
// at once), and what they measured once they have N events.
#include <CLI/CLI.hpp>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "bench/figures.h"
#include "bench/made_events.h"
#include "common/client/consumer.h"
#include "common/client/control_client.h"
#include "common/client/publisher.h"
#include "common/client/range_reader.h"
#include "common/client/subscription.h"
#include "common/event/event_codec.h"

namespace forebay::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Options {
  std::string state, stream = "events", view_dir;
  std::uint64_t events = 0, keys = 30'000, rate = 0;
  std::size_t size = 256;
  bool behind = false;  // starts at the log's beginning, where it has far to go

  [[nodiscard]] std::string endpoint(const char* socket) const {
    return "ipc://" + state + "/" + socket + ".sock";
  }
};

std::unique_ptr<Publisher> connect(const Options& options) {
  auto publisher = must(Publisher::connect({.ingest = options.endpoint("ingest"),
                                            .control = options.endpoint("control"),
                                            .stream = options.stream,
                                            .source = "/bench"}));
  must(publisher->wait_registered(seconds(10)));
  return publisher;
}

void publish(const Options& options) {
  const auto publisher = connect(options);
  MadeEvents made(options.size);
  SystemClock clock;
  Poller pause;
  const WallTime begin_wall = clock.wall();
  const std::int64_t begin = mono_ns();
  for (std::uint64_t i = 0; i < options.events; ++i) {
    std::optional<WallTime> due;
    if (options.rate > 0) {
      // Open loop: each has its moment, kept or not, and is timed from that.
      const Nanoseconds offset(i * 1'000'000'000 / options.rate);
      due = begin_wall + offset;
      while (clock.wall() < *due) pause.wait(milliseconds(1));
    }
    const Event& event = made.event(i % options.keys, due);
    const auto taken = must(publisher->publish(event));
    if (taken == Admission::kWouldBlock) must(publisher->publish_within(seconds(60), event));
  }
  must(publisher->flush(seconds(120)));
  print({{"events", options.events}, {"begin_ns", begin}, {"end_ns", mono_ns()}});
}

void wait(const Options& options) {
  const auto publisher = connect(options);
  MadeEvents made(options.size);
  std::vector<std::int64_t> taken;
  for (std::uint64_t i = 0; i < options.events; ++i) {
    const std::int64_t begin = mono_ns();
    must(publisher->publish(made.event(i)));
    must(publisher->flush(seconds(10)));
    taken.push_back(mono_ns() - begin);
  }
  print(percentiles(taken));
}

/// Sees that nothing is missing or twice, and what the last event of each key was.
class KeyedHandler final : public Handler {
 public:
  explicit KeyedHandler(bool keeps) : keeps_(keeps) {}
  std::vector<std::string> tables() const override {
    return keeps_ ? std::vector<std::string>{"keys"} : std::vector<std::string>{};
  }
  Result<void> apply(const EventView& event, const EventContext& context,
                     ViewWriter& view) override {
    FOREBAY_INVARIANT(context.sequence.value == last_ + 1 || last_ == 0);
    last_ = context.sequence.value;
    if (keeps_) view.put(Table{0}, event.subject, event.data);
    seen_.fetch_add(1, std::memory_order_release);
    seen_.notify_one();
    return {};
  }
  [[nodiscard]] std::uint64_t seen() const { return seen_.load(std::memory_order_acquire); }
  void wait_for(std::uint64_t count) const {
    for (std::uint64_t now = seen(); now < count; now = seen()) seen_.wait(now);
  }

 private:
  bool keeps_;
  std::uint64_t last_ = 0;
  std::atomic<std::uint64_t> seen_ = 0;
};

std::unique_ptr<Consumer> consume(const Options& options, const std::string& start,
                                  Handler& handler, std::function<void()> on_progress = {}) {
  std::filesystem::create_directories(options.view_dir);
  auto consumer = must(Consumer::open({.name = "bench",
                                       .state_dir = options.view_dir,
                                       .links = {{options.endpoint("control"),
                                                  options.endpoint("broadcast"),
                                                  {{options.stream, {start, {}}}}}},
                                       .on_progress = std::move(on_progress)},
                                      handler));
  consumer->start();
  return consumer;
}

void wait_live(const Consumer& consumer, const std::string& stream) {
  while (consumer.status().at(stream).state != Subscription::State::kLive)
    std::this_thread::yield();
}

void handler(const Options& options) {
  KeyedHandler seeing(false);
  const auto consumer = consume(options, "latest", seeing);
  wait_live(*consumer, options.stream);
  const auto publisher = connect(options);
  MadeEvents made(options.size);
  std::vector<std::int64_t> taken;
  for (std::uint64_t i = 0; i < options.events; ++i) {
    const std::int64_t begin = mono_ns();
    must(publisher->publish(made.event(i)));
    seeing.wait_for(i + 1);
    taken.push_back(mono_ns() - begin);
  }
  must(publisher->flush(seconds(10)));
  print(percentiles(taken));
}

void view(const Options& options) {
  std::mutex mutex;
  std::condition_variable moved;
  std::uint64_t commits = 0;
  KeyedHandler keeping(true);
  const auto consumer = consume(options, options.behind ? "earliest" : "latest", keeping, [&] {
    const std::lock_guard hold(mutex);
    ++commits;
    moved.notify_one();
  });
  const std::int64_t begin = mono_ns();
  if (!options.behind) wait_live(*consumer, options.stream);
  print({{"ready", true}});
  {
    // The last event counts once its group is committed.
    std::unique_lock hold(mutex);
    moved.wait(hold, [&] {
      const auto& record = consumer->status().at(options.stream).record;
      return record.cursor.sequence.value - record.start.value >= options.events;
    });
  }
  print({{"events", keeping.seen()},
         {"begin_ns", begin},
         {"end_ns", mono_ns()},
         {"commits", commits}});
}

/// The library's state machine with nothing behind it: each batch's checksum and place, each
/// event's sequence and bounds.
void listen(const Options& options) {
  Context context;
  Socket dealer(context, SocketKind::kDealer, limits::kControlHighWaterMessages);
  Socket sub(context, SocketKind::kSub, limits::kDataHighWaterMessages);
  sub.subscribe(broadcast_topic(options.stream));
  must(sub.connect(options.endpoint("broadcast")));
  must(dealer.connect(options.endpoint("control")));
  Cursor cursor;
  {
    const auto client = must(ControlClient::connect(options.endpoint("control")));
    const auto at = must(
        resolve_position(*client, options.stream, options.behind ? "start" : "end", seconds(10)));
    cursor = Cursor{at.incarnation, at.sequence - 1, 0};
  }
  Subscription subscription(options.stream, "", cursor, {});
  SystemClock clock;
  Poller poller;
  poller.add(dealer);
  poller.add(sub);
  std::uint64_t next_request = 1, seen = 0, bytes = 0;
  std::vector<std::int64_t> latencies;
  bool ready = options.behind;
  const std::int64_t begin = mono_ns();
  if (ready) print({{"ready", true}});
  while (seen < options.events) {
    const auto due = subscription.next_due() - clock.mono();
    poller.wait(
        std::clamp(std::chrono::ceil<milliseconds>(due), milliseconds(0), milliseconds(100)));
    const MonoTime now = clock.mono();
    while (auto frames = sub.receive()) subscription.on_broadcast(std::move(frames->back()), now);
    while (auto frames = dealer.receive()) {
      const auto reply = must(decode_reply(frames->front().view()));
      subscription.on_reply(reply, frames->size() > 1 ? std::move(frames->at(1)) : Message(), now);
    }
    while (const auto delivery = subscription.next_delivery()) {
      const auto* events = std::get_if<Subscription::Events>(&*delivery);
      FOREBAY_INVARIANT(events != nullptr);  // no gap, no divergence
      const WallTime arrived = clock.wall();
      EventRecords records = events->batch.events();
      std::uint64_t index = 0;
      for (auto encoded = records.next(); encoded; encoded = records.next(), ++index) {
        if (index < events->skip) continue;
        ++seen;
        bytes += encoded->size();
        if (options.rate == 0) continue;
        const auto event = must(decode_event(*encoded, events->batch.shared()));
        latencies.push_back((arrived - event.time).count());
      }
    }
    for (const auto& [envelope, request] : subscription.take_requests(now, next_request)) {
      static_cast<void>(dealer.send(Message(std::string_view(encode(envelope, request)))));
    }
    if (!ready && subscription.state() == Subscription::State::kLive) {
      ready = true;
      print({{"ready", true}});
    }
  }
  Figures figures{{"events", seen}, {"bytes", bytes}, {"begin_ns", begin}, {"end_ns", mono_ns()}};
  if (options.rate > 0) figures["latency"] = percentiles(latencies);
  print(figures);
}

}  // namespace
}  // namespace forebay::bench

int main(int argc, char** argv) {
  using namespace forebay::bench;
  CLI::App app("One side of a Forebay pipeline under measurement.", "bench_forebay");
  Options options;
  std::string role;
  const std::map<std::string, void (*)(const Options&)> roles = {{"publish", publish},
                                                                 {"wait", wait},
                                                                 {"handler", handler},
                                                                 {"listen", listen},
                                                                 {"view", view}};
  app.add_option("ROLE", role)->required()->check(CLI::IsMember(roles));
  app.add_option("--state", options.state)->required();
  app.add_option("--stream", options.stream);
  app.add_option("--events", options.events)->required();
  app.add_option("--size", options.size)->check(CLI::Range(64, 1 << 20));
  app.add_option("--keys", options.keys);
  app.add_option("--rate", options.rate,
                 "publish: so many a second; listen: measure their latency");
  app.add_option("--view-dir", options.view_dir);
  app.add_flag("--behind", options.behind);
  CLI11_PARSE(app, argc, argv);
  roles.at(role)(options);
  return 0;
}
