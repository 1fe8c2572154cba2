#include "tests/sim/sim_consumer.h"

#include "common/base/limits.h"
#include "common/event/event_codec.h"

namespace forebay::sim {

SimConsumer::SimConsumer(std::string name, SubscriptionStart start, const Clock& clock,
                         Random& random, const Oracle& oracle, Connection& connection)
    : name_(std::move(name)),
      start_(std::move(start)),
      clock_(clock),
      random_(random),
      oracle_(oracle),
      connection_(connection) {
  restart();
}

void SimConsumer::restart() {
  working_ = committed_;
  dirty_ = false;
  subscription_ = std::make_unique<Subscription>("things", name_, committed_.cursor, start_);
  connection_.listens = true;
}

void SimConsumer::crash() {
  connection_.cut_all(clock_.mono() + random_.ms(0, 500));
  restart();
}

void SimConsumer::step(Sequence oldest) {
  const MonoTime now = clock_.mono();
  oldest_ = oldest;
  while (const auto body = connection_.broadcasts.receive(now)) {
    subscription_->on_broadcast(Message(std::string_view(*body)), now);
  }
  while (const auto frames = connection_.replies.receive(now)) {
    const auto reply = decode_reply(frames->control);
    expect(reply.has_value(), "a reply cannot be read");
    if (std::holds_alternative<Forgotten>(reply->body)) subscription_->on_forgotten();
    subscription_->on_reply(*reply, Message(std::string_view(frames->batches)), now);
  }
  if (!dirty_) {
    while (const auto delivery = subscription_->next_delivery()) {
      std::visit([&](const auto& each) { take(each); }, *delivery);
      if (!dirty_) commit_due_ = now + random_.ms(0, random_.one_in(20) ? 200 : 10);
      dirty_ = true;
    }
  } else if (now >= commit_due_) {
    committed_ = working_;
    dirty_ = false;
    subscription_->on_committed();
  }
  for (const auto& [envelope, request] : subscription_->take_requests(now, next_id_)) {
    connection_.requests.send(encode(envelope, request), now);
  }
  if (now >= report_due_ && committed_.cursor) {
    report_due_ = now + limits::kCursorReportInterval;
    connection_.requests.send(
        encode({}, Request(CursorReport{"things", name_, committed_.cursor->incarnation,
                                        committed_.cursor->sequence, committed_.lost, 0, "LIVE"})),
        now);
  }
}

void SimConsumer::take(const Subscription::Started& started) {
  expect(!working_.cursor, name_ + " was given a start twice");
  working_.cursor = started.cursor;
  working_.start = started.cursor.sequence;
}

void SimConsumer::take(const Subscription::Events& events) {
  expect(committed_.cursor.has_value(), name_ + " got events before its start was committed");
  const BatchHeader& header = events.batch.header();
  const Sequence first = header.first() + events.skip;
  expect(first == working_.cursor->sequence + 1,
         name_ + " got " + std::to_string(first.value) + " after " +
             std::to_string(working_.cursor->sequence.value));
  EventRecords records = events.batch.events();
  Sequence at = header.first();
  for (; const auto encoded = records.next(); at = at + 1) {
    if (at < first) continue;
    const auto event = decode_event(*encoded, events.batch.shared());
    expect(event.has_value(), "an event cannot be read");
    expect(event->subject == oracle_.at(at), name_ + " got another event than the log's");
    ++working_.applied;
  }
  expect(at == header.next(), name_ + " got a batch of another length");
  working_.cursor = Cursor{header.origin.incarnation, header.last(), header.checksum};
}

void SimConsumer::take(const Subscription::Missing& missing) {
  expect(committed_.cursor && missing.first == working_.cursor->sequence + 1,
         name_ + " was told of a gap that does not follow");
  expect(missing.first + missing.count <= oldest_,
         name_ + " was told of a gap up to " +
             std::to_string((missing.first + missing.count).value) + ", but the log holds from " +
             std::to_string(oldest_.value));
  working_.lost += missing.count;
  working_.cursor->sequence = missing.first + (missing.count - 1);
  working_.cursor->checksum = missing.checksum;
}

void SimConsumer::take(const Subscription::Divergence& divergence) {
  throw Failure(name_ + " diverged: " + divergence.reason);
}

bool SimConsumer::done() const {
  return committed_.cursor && committed_.cursor->sequence == oracle_.head() &&
         subscription_->state() == Subscription::State::kLive;
}

void SimConsumer::check() const {
  expect(committed_.start.value + committed_.applied + committed_.lost == oracle_.head().value,
         name_ + " does not add up: " + describe());
}

std::string SimConsumer::describe() const {
  return name_ + " " + std::string(to_string(subscription_->state())) + ", cursor " +
         std::to_string(committed_.cursor ? committed_.cursor->sequence.value : 0) + ", start " +
         std::to_string(committed_.start.value) + ", applied " +
         std::to_string(committed_.applied) + ", lost " + std::to_string(committed_.lost);
}

}  // namespace forebay::sim
