#include "tests/sim/world.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

namespace forebay::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kStep{4};
constexpr seconds kFaultyTime{8};
constexpr seconds kConvergenceTime{30};
constexpr const char* kFeed = "feed";

bool failed(const SimPublisher& publisher) {
  return publisher.window().state() == PublishWindow::State::kFailed;
}

RetentionPolicy some_retention(Random& random) {
  RetentionPolicy policy;
  // Of some streams nothing is ever kept for long: they are empty when the sidecar starts again.
  if (random.one_in(2)) policy.bytes = random.one_in(8) ? 1 : random.between(2'000, 200'000);
  return policy;
}

}  // namespace

World::World(std::uint64_t seed, std::string dir)
    : random_(seed),
      sidecar_(std::move(dir), some_retention(random_), clock_, random_, oracle_, connections_) {}

Connection& World::connect() {
  connections_.push_back(std::make_unique<Connection>(random_, connections_.size()));
  return *connections_.back();
}

void World::count(const std::string& fault) {
  ++tally_.faults[fault];
  spdlog::debug(
      "{} ms: {}",
      std::chrono::duration_cast<milliseconds>(clock_.mono_now - ManualClock().mono_now).count(),
      fault);
}

void World::start_publisher(SimPublisher::Options options) {
  options.who = options.feed ? options.name
                             : (options.name.empty() ? "anonymous" : options.name) + "." +
                                   std::to_string(processes_++);
  options.window_bytes = random_.one_in(3) ? random_.between(1'000, 50'000) : std::size_t{16} << 20;
  if (!options.name.empty()) ++named_processes_[options.name];
  publishers_.push_back(
      std::make_unique<SimPublisher>(std::move(options), clock_, random_, oracle_, connect()));
}

World::Tally World::run() {
  sidecar_.start();
  start_publisher(SimPublisher::Options{});
  start_publisher({"named", false, {}, 0});
  start_publisher({kFeed, true, {}, 0});
  for (const char* start : {"earliest", "latest"}) {
    consumers_.push_back(std::make_unique<SimConsumer>(start, SubscriptionStart{start, {}}, clock_,
                                                       random_, oracle_, connect()));
  }
  const MonoTime heal_at = clock_.mono() + kFaultyTime;
  while (clock_.mono() < heal_at) step(true);
  heal();
  const MonoTime give_up_at = clock_.mono() + kConvergenceTime;
  while (!converged()) {
    expect(clock_.mono() < give_up_at, "not converged after 30 s: " + describe());
    step(false);
  }
  check_publishers();
  tally_.healed_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<milliseconds>(clock_.mono() - heal_at).count());
  for (const auto& consumer : consumers_) {
    consumer->check();
    tally_.lost += consumer->lost();
  }
  expect(oracle_.committed(kFeed) == source_, "the feed's source is not all in the log");
  tally_.events = oracle_.head().value;
  return tally_;
}

void World::step(bool faulty) {
  clock_.advance(kStep);
  if (faulty) {
    maybe_fault();
    if (random_.one_in(10)) source_ += random_.below(20);
  }
  if (!sidecar_.running() && clock_.mono() >= sidecar_up_) sidecar_.start();
  sidecar_.step();
  for (const auto& publisher : publishers_) {
    publisher->step(faulty, source_);
    if (failed(*publisher)) {
      const Error& error = *publisher->window().error();
      // Which of several is fenced depends on whose registration comes last, be it a dead one's.
      expect(error.code == ErrorCode::kFenced && named_processes_[publisher->options().name] > 1,
             publisher->options().who + " failed: " + error.message);
    }
  }
  restart_failed();
  const Sequence oldest =
      sidecar_.running() ? sidecar_.log().stream({0}).oldest : oracle_.head() + 1;
  for (const auto& consumer : consumers_) consumer->step(oldest);
}

/// As a supervisor does; two that start at once may both be fenced. A second process is not missed.
void World::restart_failed() {
  for (const auto& publisher : publishers_) {
    if (!failed(*publisher)) continue;
    const SimPublisher::Options options = publisher->options();
    const bool replaced = std::any_of(
        publishers_.begin(), publishers_.end(),
        [&](const auto& each) { return !failed(*each) && each->options().name == options.name; });
    if (replaced) continue;
    count("publisher restarted after being fenced");
    return start_publisher(options);
  }
}

void World::maybe_fault() {
  const MonoTime now = clock_.mono();
  if (sidecar_.running() && random_.one_in(600)) {
    count("sidecar crash");
    sidecar_.crash();
    sidecar_up_ = now + random_.ms(0, 1500);
    for (const auto& connection : connections_)
      connection->cut_all(sidecar_up_ + random_.ms(0, 100));
  }
  if (random_.one_in(full_ ? 100 : 1200)) {
    full_ = !full_;
    if (full_) count("full");
    sidecar_.set_full(full_);
  }
  if (random_.one_in(150)) {
    Connection& connection = *connections_[random_.below(connections_.size())];
    const MonoTime until = now + random_.ms(0, random_.one_in(5) ? 3000 : 300);
    switch (random_.below(4)) {
      case 0:
        count("cut of control");
        return connection.cut_control(until);
      case 1:
        count("cut of ingest");
        return connection.batches.cut(until);
      case 2:
        count("cut of broadcasts");
        return connection.broadcasts.cut(until);
      default:
        count("slow links");
        connection.batches.slow(2000);
        connection.replies.slow(2000);
        return connection.broadcasts.slow(2000);
    }
  }
  if (random_.one_in(200)) {
    count("broadcasts dropped");
    const auto& consumer = consumers_[random_.below(consumers_.size())];
    consumer->connection().deaf_until = now + random_.ms(5, 1000);
  }
  if (random_.one_in(600)) {
    count("consumer crash");
    consumers_[random_.below(consumers_.size())]->crash();
  }
  if (random_.one_in(300)) fault_publisher();
}

/// A new process of a publisher; the one before may live on unaware of it.
void World::fault_publisher() {
  const auto victim =
      publishers_.begin() + static_cast<std::ptrdiff_t>(random_.below(publishers_.size()));
  if (failed(**victim)) return;
  SimPublisher::Options options = (*victim)->options();
  if (!options.name.empty() && random_.one_in(2)) {
    count("publisher doubled");
  } else {
    count("publisher crash");
    if (random_.one_in(3)) (*victim)->say_goodbye();
    (*victim)->check();
    publishers_.erase(victim);
  }
  start_publisher(std::move(options));
}

void World::heal() {
  sidecar_.set_full(false);
  sidecar_.stop_trimming();
  sidecar_up_ = clock_.mono();
  for (const auto& connection : connections_) {
    connection->deaf_until = {};
    connection->batches.slow(60);
    connection->replies.slow(60);
    connection->broadcasts.slow(60);
  }
}

bool World::converged() const {
  for (const auto& publisher : publishers_) {
    if (!failed(*publisher) && !publisher->done(source_)) return false;
  }
  for (const auto& consumer : consumers_) {
    if (!consumer->done()) return false;
  }
  return true;
}

void World::check_publishers() const {
  for (const auto& publisher : publishers_) publisher->check();
}

std::string World::describe() const {
  std::string text = "head " + std::to_string(oracle_.head().value);
  for (const auto& publisher : publishers_) {
    text += "; " + publisher->options().who + " " +
            std::string(to_string(publisher->window().state())) +
            (publisher->done(source_) ? " done" : " not done");
  }
  for (const auto& consumer : consumers_) text += "; " + consumer->describe();
  return text;
}

}  // namespace forebay::sim
