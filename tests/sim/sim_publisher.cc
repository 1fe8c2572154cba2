#include "tests/sim/sim_publisher.h"

namespace forebay::sim {
namespace {

constexpr std::size_t kPushHighWater = 64;

PublishWindow make_window(const SimPublisher::Options& options) {
  PublishWindow::Options window{
      .stream = "things", .name = options.name, .fingerprint = 0, .source = "sim"};
  window.bytes_max = options.window_bytes;
  return *PublishWindow::make(std::move(window), InstanceId::random());
}

}  // namespace

SimPublisher::SimPublisher(Options options, const Clock& clock, Random& random,
                           const Oracle& oracle, Connection& connection)
    : options_(std::move(options)),
      clock_(clock),
      random_(random),
      oracle_(oracle),
      connection_(connection),
      window_(make_window(options_)) {}

void SimPublisher::step(bool publishing, std::uint64_t source) {
  const MonoTime now = clock_.mono();
  while (const auto frames = connection_.replies.receive(now)) {
    const auto reply = decode_reply(frames->control);
    expect(reply.has_value(), "a reply cannot be read");
    window_.on_reply(*reply, now);
    check();
  }
  if (publishing || options_.feed) publish_some(source);
  for (const Request& request : window_.take_requests(now)) {
    connection_.requests.send(encode({}, request), now);
  }
  while (const auto batch = window_.next_to_send(now)) {
    if (connection_.batches.down(now) || connection_.batches.size() >= kPushHighWater) break;
    connection_.batches.send(*batch, now);
    window_.sent(now);
    // Something that repeats what it carries.
    if (random_.one_in(100)) connection_.batches.send(*batch, now);
    if (random_.one_in(100) && !connection_.last_batch.empty())
      connection_.batches.send(connection_.last_batch, now);
    if (random_.one_in(20)) connection_.last_batch = *batch;
  }
}

void SimPublisher::publish_some(std::uint64_t source) {
  if (window_.state() == PublishWindow::State::kFailed) return;
  if (options_.feed) {
    if (!resumed_) {
      if (!window_.was_registered()) return;
      next_ = window_.acknowledged().position.value / kFeedStride;
      resumed_ = true;
    }
    while (next_ < source && publish_one()) continue;
  } else if (random_.one_in(400)) {
    // Several batches at once, so that more than one is in flight.
    event_bytes_ = random_.between(50'000, 65'000);
    std::uint64_t burst = random_.between(8, 30);
    while (burst-- > 0 && publish_one()) continue;
    event_bytes_ = 0;
  } else if (random_.one_in(8)) {
    std::uint64_t burst = random_.one_in(10) ? random_.between(20, 200) : random_.between(1, 5);
    while (burst-- > 0 && publish_one()) continue;
  }
}

bool SimPublisher::publish_one() {
  Event event;
  event.type = "thing.happened";
  event.subject = Oracle::subject(options_.who, next_);
  event.data = std::string(1, '\xda');  // str 16
  const std::size_t size = event_bytes_ > 0 ? event_bytes_ : random_.below(300);
  event.data += {static_cast<char>(size >> 8), static_cast<char>(size & 0xff)};
  event.data.append(size, 'x');
  std::optional<ProducerSequence> number;
  if (options_.feed) number = ProducerSequence{(next_ + 1) * kFeedStride};
  const auto taken = window_.publish(event, clock_.wall(), number);
  expect(taken.has_value(),
         options_.who + " cannot publish: " + (taken ? "" : taken.error().message));
  if (*taken != Admission::kTaken) return false;
  ++next_;
  return true;
}

void SimPublisher::say_goodbye() {
  if (const auto goodbye = window_.goodbye())
    connection_.requests.send(encode({}, Request(*goodbye)), clock_.mono());
}

bool SimPublisher::done(std::uint64_t source) const {
  return window_.empty() && (!options_.feed || (resumed_ && next_ == source));
}

void SimPublisher::check() const {
  const Acknowledgement& acknowledged = window_.acknowledged();
  const std::uint64_t promised =
      options_.feed ? acknowledged.position.value / kFeedStride : acknowledged.events;
  expect(oracle_.committed(options_.who) >= promised,
         options_.who + " was told that " + std::to_string(promised) + " events are on disk, but " +
             std::to_string(oracle_.committed(options_.who)) + " are");
  if (acknowledged.events > 0 && acknowledged.last.value > 0) {
    const std::string& last = oracle_.at(acknowledged.last);
    expect(last == Oracle::subject(options_.who, promised - 1),
           options_.who + " was told that its last event is at " +
               std::to_string(acknowledged.last.value) + ", where " + last + " is");
  }
}

}  // namespace forebay::sim
