#include "common/client/consumer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

#include "common/base/last_words.h"
#include "common/base/limits.h"
#include "common/client/node_control.h"

namespace forebay {

using std::chrono::milliseconds;

Consumer::Link::Link(Context& context, const SidecarLink& link_plan)
    : plan(link_plan),
      dealer(context, SocketKind::kDealer, limits::kControlHighWaterMessages),
      listener(context, limits::kDataHighWaterMessages, link_plan.credentials) {}

Result<void> Consumer::Link::connect_dealer() {
  return plan.credentials ? dealer.connect(plan.control, *plan.credentials, turn)
                          : dealer.connect(plan.control);
}

Result<std::unique_ptr<Consumer>> Consumer::open(Options options, Handler& handler) {
  if (options.takes_replays && !handler.tables().empty()) {
    return fail(ErrorCode::kBadInput,
                options.name +
                    ": a handler that keeps a view takes no replays: they would double deltas and "
                    "bring old values back");
  }
  auto folders = ViewFolders::open(options.state_dir);
  if (!folders) return fail(folders.error());
  auto store = ConsumerStore::open(folders->path(folders->current()), handler.tables());
  if (!store) return fail(store.error());
  std::unique_ptr<Consumer> consumer(
      new Consumer(std::move(options), handler, std::move(*folders), std::move(*store)));
  if (auto connected = consumer->connect(); !connected) return fail(connected.error());
  return consumer;
}

Result<void> Consumer::connect() {
  std::vector<ViewBuilder::StreamPlan> plans;
  for (const SidecarLink& plan : options_.links) {
    auto link = std::make_unique<Link>(context_, plan);
    for (const auto& [stream, start] : plan.streams) {
      link->listener.hear(stream);
      plans.push_back({stream, start, std::nullopt, std::nullopt});
    }
    if (plan.credentials) {
      auto refusals = Refusals::of(context_, link->dealer);
      if (!refusals) return fail(refusals.error());
      link->refusals.emplace(std::move(*refusals));
    }
    if (auto connected = link->listener.connect(plan.broadcast); !connected) return connected;
    if (auto connected = link->connect_dealer(); !connected) return connected;
    links_.push_back(std::move(link));
  }
  if (!options_.control.empty()) {
    control_.emplace(context_, SocketKind::kRouter, limits::kNodeControlHighWaterMessages);
    control_->limit_frames(limits::kReplayRequestBytesMax);
    if (auto bound = control_->bind(options_.control); !bound) return bound;
  }
  auto live = ViewBuilder::make(*store_, handler_, options_.name, std::move(plans), false);
  if (!live) return fail(live.error());
  live_.emplace(std::move(*live));
  publish_status(clock_.mono());
  return {};
}

Consumer::Consumer(Options options, Handler& handler, ViewFolders folders,
                   std::shared_ptr<ConsumerStore> store)
    : options_(std::move(options)),
      handler_(handler),
      folders_(std::move(folders)),
      store_(std::move(store)) {}

Consumer::~Consumer() { stop(); }

void Consumer::start() {
  thread_ = std::thread([this] { run(); });
}

void Consumer::stop() {
  if (!thread_.joinable()) return;
  commands_.post([this] { stopping_ = true; });
  thread_.join();
}

// from any thread

Result<std::shared_ptr<ConsumerStore>> Consumer::view(const std::string& name) const {
  const std::lock_guard hold(mutex_);
  if (name.empty()) return store_;
  if (progress_.running && progress_.view == name) {
    return fail(ErrorCode::kUnavailable,
                "the view '" + name + "' is being built: wait for its end");
  }
  if (const auto found = scratch_views_.find(name); found != scratch_views_.end())
    return found->second;
  if (!ViewFolders::is_scratch_name(name) || !folders_.exists(name)) {
    return fail(ErrorCode::kNotFound, "no view '" + name.substr(0, 64) + "'");
  }
  auto store = ConsumerStore::open(folders_.path(name), handler_.tables());
  if (!store) return fail(store.error());
  std::shared_ptr<ConsumerStore> opened = std::move(*store);
  scratch_views_.emplace(name, opened);
  return opened;
}

std::map<std::string, StreamStatus> Consumer::status() const {
  const std::lock_guard hold(mutex_);
  return status_;
}

std::optional<Error> Consumer::failure() const {
  const std::lock_guard hold(mutex_);
  return failure_;
}

BuildProgress Consumer::build_progress() const {
  const std::lock_guard hold(mutex_);
  return progress_;
}

template <class T>
Result<T> Consumer::on_thread(std::function<Result<T>()> action) {
  if (thread_id_ == std::this_thread::get_id()) return action();
  auto done = std::make_shared<std::promise<Result<T>>>();
  auto result = done->get_future();
  commands_.post([done, action = std::move(action)] { done->set_value(action()); });
  if (result.wait_for(limits::kCommandTimeout) != std::future_status::ready) {
    return fail(ErrorCode::kTimeout, "the consumer is busy: try again");
  }
  return result.get();
}

Result<void> Consumer::reset(const std::string& stream, ResetMode mode) {
  return on_thread<void>([this, stream, mode]() -> Result<void> {
    if (mode == ResetMode::kAdopt) return live_->adopt(stream, clock_.wall());
    const auto found = live_->streams().find(stream);
    if (found == live_->streams().end())
      return fail(ErrorCode::kNotFound, "no subscription to '" + stream + "'");
    if (!found->second.record.diverged) {
      return fail(ErrorCode::kBadInput,
                  stream + " has not diverged; `rebuild` makes a new view of one that is in order");
    }
    return start_build({}, {}, {});
  });
}

Result<void> Consumer::build(const std::string& view, const std::map<std::string, Sequence>& from,
                             const std::map<std::string, Sequence>& until) {
  return on_thread<void>([=, this] { return start_build(view, from, until); });
}

Result<ReplayOutcome> Consumer::replay(std::string bytes) {
  if (!options_.takes_replays) {
    return fail(
        ErrorCode::kBadInput,
        "it takes no replays: a handler that keeps no view may (`replay = true` of its node)");
  }
  return on_thread<ReplayOutcome>([this, bytes = std::move(bytes)]() -> Result<ReplayOutcome> {
    const auto request = decode_replay(bytes);
    if (!request) return fail(request.error());
    if (!live_->streams().contains(std::string(request->stream))) {
      return fail(ErrorCode::kBadInput,
                  "no subscription to '" + std::string(request->stream.substr(0, 64)) + "'");
    }
    return replay_events(handler_, store_->store(), *request);
  });
}

// its thread

void Consumer::run() {
  thread_id_ = std::this_thread::get_id();
  Poller poller;
  if (control_) poller.add(*control_);
  poller.add(commands_.descriptor());
  for (const auto& link : links_) {
    poller.add(link->dealer);
    poller.add(link->listener.socket());
  }
  while (!stopping_) {
    auto done = round(poller);
    if (done) continue;
    say_last_words(done.error().message);
    const std::lock_guard hold(mutex_);
    failure_ = done.error();
    break;
  }
  if (failure_) {
    if (options_.on_progress) options_.on_progress();
    return;
  }
  report_due_ = MonoTime{};
  report_cursors(clock_.mono());
}

Result<void> Consumer::round(Poller& poller) {
  poller.wait(time_to_next());
  for (Command& command : commands_.take()) command();
  if (control_) answer_operators();
  for (const auto& link : links_) {
    link->listener.say_what(clock_.mono());
    follow_key(*link);
    knock_again(*link);
    receive(*link);
    send_requests(*link);  // the sidecar reads the next range while this one is applied
  }
  // Everything that is there goes into one transaction: load makes larger groups by itself.
  const auto applied = live_->apply(limits::kApplyGroupBytesMax);
  if (!applied) return fail(applied.error());
  const auto committed = live_->commit(clock_.wall());
  if (!committed) return fail(committed.error());
  if (build_) {
    if (auto advanced = advance_build(); !advanced) return advanced;
  }
  // What is due now is asked for in the next round, after what has come meanwhile is read: a reply
  // that lies there is not late.
  const MonoTime now = clock_.mono();
  report_cursors(now);
  publish_status(now);
  if (*committed && options_.on_progress) options_.on_progress();
  return {};
}

/// Between two groups: what is asked for may need a transaction of its own.
void Consumer::answer_operators() {
  for (int i = 0; i < limits::kNodeControlHighWaterMessages; ++i) {
    auto frames = control_->receive();
    if (!frames) return;
    const std::string answer =
        answer_node_request(*this, frames->size() == 2 ? frames->back().view() : "");
    std::array<Message, 2> both{std::move(frames->front()), Message(std::string_view(answer))};
    if (control_->send(both) != SendResult::kSent)
      spdlog::debug("an answer to an operator who is gone or does not read");
  }
}

std::vector<ViewBuilder*> Consumer::builders() {
  std::vector<ViewBuilder*> all{&*live_};
  if (build_) all.push_back(&build_->builder);
  return all;
}

milliseconds Consumer::time_to_next() {
  MonoTime due = clock_.mono() + limits::kLivenessInterval;
  for (ViewBuilder* builder : builders()) {
    for (Subscription* subscription : builder->subscriptions())
      due = std::min(due, subscription->next_due());
  }
  return std::clamp(std::chrono::ceil<milliseconds>(due - clock_.mono()), milliseconds(0),
                    limits::kLivenessInterval);
}

void Consumer::receive(Link& link) {
  const MonoTime now = clock_.mono();
  std::size_t bytes = 0;
  for (ViewBuilder* builder : builders()) {
    for (const auto& [stream, start] : link.plan.streams) {
      const Subscription* subscription = builder->subscription(stream);
      if (subscription != nullptr) bytes += subscription->undelivered_bytes();
    }
  }
  // What is not read here while much waits to be applied is dropped at last, and fetched.
  while (bytes < limits::kApplyGroupBytesMax) {
    auto heard = link.listener.receive();
    if (!heard) break;
    bytes += heard->body.size() + 1;
    const auto all = builders();
    for (std::size_t i = 0; i < all.size(); ++i) {
      Subscription* subscription = all[i]->subscription(heard->stream());
      if (subscription == nullptr) continue;
      subscription->on_broadcast(i + 1 < all.size() ? heard->body.share() : std::move(heard->body),
                                 now);
    }
  }
  while (auto frames = link.dealer.receive()) {
    const auto reply = decode_reply(frames->front().view());
    if (!reply) {
      spdlog::warn("a reply that cannot be read: {}", reply.error().message);
      continue;
    }
    if (const auto* forgotten = std::get_if<Forgotten>(&reply->body)) {
      Subscription* subscription = live_->subscription(forgotten->stream);
      if (subscription != nullptr) subscription->on_forgotten();
      continue;
    }
    // The request ids are unique: only the one that asked takes it.
    for (ViewBuilder* builder : builders()) {
      for (Subscription* subscription : builder->subscriptions()) {
        Message batches = frames->size() > 1 ? frames->at(1).share() : Message();
        subscription->on_reply(*reply, std::move(batches), now);
      }
    }
  }
}

/// The listener notices first that the sidecar has its other key. What is under way to the first is
/// asked again.
void Consumer::follow_key(Link& link) {
  const std::size_t turn = link.listener.turn();
  if (!link.plan.credentials || link.plan.credentials->server_keys.size() == 1 || turn == link.turn)
    return;
  link.turn = turn;
  link.dealer.disconnect();
  static_cast<void>(link.connect_dealer());  // it was possible before
}

/// ZeroMQ does not try again by itself where the gatekeeper has said no; the sidecar may be restarted
/// with our key.
void Consumer::knock_again(Link& link) {
  if (!link.refusals) return;
  const MonoTime now = clock_.mono();
  const auto why = link.refusals->why();
  if (why != link.refused) {
    link.refused = why;
    link.again_at = now + limits::kListenerSilence;
    if (why) {
      spdlog::warn("the sidecar at {} {}", link.plan.control, Refusals::in_words(*why));
    } else {
      spdlog::info("the sidecar at {} lets us in", link.plan.control);
    }
  }
  if (!why || now < link.again_at) return;
  link.again_at = now + limits::kListenerSilence;
  link.dealer.disconnect();
  static_cast<void>(link.connect_dealer());  // it was possible before
}

void Consumer::send_requests(Link& link) {
  const MonoTime now = clock_.mono();
  for (ViewBuilder* builder : builders()) {
    for (const auto& [stream, start] : link.plan.streams) {
      Subscription* subscription = builder->subscription(stream);
      if (subscription == nullptr) continue;
      for (const auto& [envelope, request] : subscription->take_requests(now, next_request_)) {
        // One that is lost is asked again after its timeout.
        static_cast<void>(link.dealer.send(Message(std::string_view(encode(envelope, request)))));
      }
    }
  }
}

void Consumer::report_cursors(MonoTime now) {
  if (now < report_due_) return;
  report_due_ = now + limits::kCursorReportInterval;
  for (const auto& link : links_) {
    for (const auto& [stream, start] : link->plan.streams) {
      const ViewBuilder::StreamState& state = live_->streams().at(stream);
      if (!state.subscription->has_cursor()) continue;
      const CursorReport report{stream,
                                options_.name,
                                state.record.cursor.incarnation,
                                state.record.cursor.sequence,
                                state.record.lost,
                                state.record.failed,
                                std::string(to_string(state.subscription->state()))};
      static_cast<void>(link->dealer.send(Message(std::string_view(encode({}, Request(report))))));
    }
  }
}

void Consumer::publish_status(MonoTime now) {
  const std::lock_guard hold(mutex_);
  for (const auto& [stream, state] : live_->streams()) {
    StreamStatus& status = status_[stream];
    status.state = state.subscription->state();
    status.record = state.record;
    status.head = state.subscription->head();
    if (state.record.cursor.sequence >= state.subscription->head())
      status.covered = state.subscription->heard();
    status.beacon_due = state.subscription->beacon_due();
    status.producer_silence = state.subscription->producer_silence(now);
    status.as_of = now;
  }
}

}  // namespace forebay
