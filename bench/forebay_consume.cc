// The consumers of bench_forebay.
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "bench/figures.h"
#include "bench/forebay_roles.h"
#include "bench/made_events.h"
#include "bench/open_loop.h"
#include "common/client/consumer.h"
#include "common/client/control_client.h"
#include "common/client/range_reader.h"
#include "common/client/subscription.h"
#include "common/event/event_codec.h"

namespace forebay::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

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

}  // namespace

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
  Latencies latencies;
  bool ready = options.behind;
  const std::int64_t begin = mono_ns();
  if (ready) print({{"ready", true}});
  const auto done = [&] {
    return options.until_live ? subscription.state() == Subscription::State::kLive
                              : seen >= options.events;
  };
  while (!done()) {
    const auto due = subscription.next_due() - clock.mono();
    poller.wait(
        std::clamp(std::chrono::ceil<milliseconds>(due), milliseconds(0), milliseconds(100)));
    const MonoTime now = clock.mono();
    while (auto frames = sub.receive()) subscription.on_broadcast(std::move(frames->back()), now);
    while (auto frames = dealer.receive()) {
      const auto reply = must(decode_reply(frames->front().view()));
      subscription.on_reply(reply, frames->size() > 1 ? std::move(frames->at(1)) : Message(), now);
    }
    for (const auto& [envelope, request] : subscription.take_requests(now, next_request)) {
      static_cast<void>(dealer.send(Message(std::string_view(encode(envelope, request)))));
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
        if (options.latency) latencies.on_event(*encoded, events->batch.shared(), arrived);
      }
    }
    if (!ready && subscription.state() == Subscription::State::kLive) {
      ready = true;
      print({{"ready", true}});
    }
  }
  Figures figures{{"events", seen}, {"bytes", bytes}, {"begin_ns", begin}, {"end_ns", mono_ns()}};
  if (options.latency) figures["latency"] = percentiles(latencies.taken());
  print(figures);
}

}  // namespace forebay::bench
