#include "common/client/subscription.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/base/limits.h"
#include "common/base/planted.h"

namespace forebay {

using std::chrono::milliseconds;

namespace {

/// Of what is kept: a small message keeps the piece alive that libzmq received it in.
std::size_t cost_of(const Message& message) {
  constexpr std::size_t kPieceBytes = 8192;
  return message.size() + kPieceBytes;
}

}  // namespace

std::string_view to_string(Subscription::State state) {
  switch (state) {
    case Subscription::State::kFetch:
      return "FETCH";
    case Subscription::State::kJoin:
      return "JOIN";
    case Subscription::State::kLive:
      return "LIVE";
    case Subscription::State::kGap:
      return "GAP";
    case Subscription::State::kDiverged:
      return "DIVERGED";
  }
  return "?";
}

Subscription::Subscription(std::string stream, std::string consumer, std::optional<Cursor> cursor,
                           SubscriptionStart start)
    : stream_(std::move(stream)),
      consumer_(std::move(consumer)),
      start_(std::move(start)),
      has_cursor_(cursor.has_value()),
      cursor_(cursor.value_or(Cursor{})),
      registered_(consumer_.empty()) {
  FOREBAY_INVARIANT(has_cursor_ || !consumer_.empty());
}

void Subscription::begin_diverged() { state_ = State::kDiverged; }

void Subscription::transition(State next, std::string_view why) {
  if (next == state_) return;
  spdlog::log(next == State::kDiverged ? spdlog::level::err : spdlog::level::debug,
              "subscription to {}: {} → {} at {}: {}", stream_, to_string(state_), to_string(next),
              cursor_.sequence.value, why);
  state_ = next;
}

void Subscription::diverge(std::string reason) {
  if (state_ == State::kDiverged || planted::has(planted::Bug::kIncarnationIgnored)) return;
  transition(State::kDiverged, reason);
  live_buffer_.clear();
  live_buffer_bytes_ = 0;
  forget_fetches();
  deliveries_.push_back(Divergence{std::move(reason)});
}

// deliveries

std::optional<Subscription::Delivery> Subscription::next_delivery() {
  while (deliveries_.empty() && !fetched_.empty()) static_cast<void>(open_fetched());
  if (deliveries_.empty()) return std::nullopt;
  Delivery delivery = std::move(deliveries_.front());
  deliveries_.pop_front();
  if (const auto* events = std::get_if<Events>(&delivery))
    undelivered_bytes_ -= events->batch.bytes().size();
  return delivery;
}

/// Takes a batch that begins at or before the next sequence, and ends after it.
void Subscription::deliver(std::shared_ptr<const Message> owner, const BatchView& batch) {
  const BatchHeader& header = batch.header();
  const Sequence wanted = cursor_.sequence + 1;
  const std::uint64_t skip = wanted.value - header.first().value;
  cursor_ = Cursor{header.origin.incarnation, header.last(), header.checksum};
  if (header.kind == BatchKind::kGap) {
    deliveries_.push_back(
        Missing{wanted, header.count - skip, batch.gap_reason(), header.checksum});
  } else {
    undelivered_bytes_ += batch.bytes().size();
    deliveries_.push_back(Events{std::move(owner), batch, skip});
  }
}

void Subscription::skip_to(Sequence next, std::string reason) {
  const Sequence first = cursor_.sequence + 1;
  if (next <= first) return;
  deliveries_.push_back(Missing{first, next.value - first.value, std::move(reason), 0});
  cursor_.sequence = next - 1;
  cursor_.checksum = 0;
}

void Subscription::hear_head(Sequence head, MonoTime now) {
  head_ = std::max(head_, head);
  heard_ = now;
}

/// Of one run of the sidecar over one log, the highest head; on_boot() forgets it.
void Subscription::hear_log(const Incarnation& incarnation, Sequence head) {
  const bool same = incarnation == log_incarnation_;
  log_head_ = same ? std::max(log_head_, head) : head;
  if (!same) log_shared_.reset();
  log_incarnation_ = incarnation;
}

// broadcasts

void Subscription::on_broadcast(Message body, MonoTime now) {
  if (is_beacon(body.view())) {
    const auto beacon = decode_beacon(body.view());
    if (beacon) {
      on_beacon(*beacon, now);
    } else {
      spdlog::warn("subscription to {}: {}", stream_, beacon.error().message);
    }
    return;
  }
  if (!has_cursor_ || state_ == State::kDiverged) return;
  auto owner = std::make_shared<const Message>(std::move(body));
  const auto header = parse_batch_header(owner->view());
  if (header && behind() && header->origin.incarnation == cursor_.incarnation &&
      header->last() > cursor_.sequence) {
    hear_head(header->last(), now);
    return buffer(std::move(owner), *header);
  }
  const auto batch = BatchView::parse(owner->view());
  if (!batch) {
    // The log holds it: the hole that it leaves is refilled.
    spdlog::warn("subscription to {}: {}", stream_, batch.error().message);
    return;
  }
  on_batch(owner, *batch, true);
  hear_head(batch->header().last(), now);
}

/// Unopened: whoever is far behind drops most of it again. The newest is kept, since it is what the
/// fetch that reaches the head connects to.
void Subscription::buffer(std::shared_ptr<const Message> owner, const BatchHeader& header) {
  live_buffer_bytes_ += cost_of(*owner);
  live_buffer_.push_back({std::move(owner), header});
  while (live_buffer_bytes_ > limits::kLiveBufferBytesMax) {
    live_buffer_bytes_ -= cost_of(*live_buffer_.front().owner);
    live_buffer_.pop_front();
  }
}

void Subscription::on_batch(std::shared_ptr<const Message> owner, const BatchView& batch,
                            bool live) {
  const BatchHeader& header = batch.header();
  if (header.origin.incarnation != cursor_.incarnation) {
    hear_log(header.origin.incarnation, header.last());  // a batch may come before any beacon
    return diverge("a batch of incarnation " + header.origin.incarnation.hex());
  }
  const Sequence wanted = cursor_.sequence + 1;
  const bool known = cursor_.checksum != 0;
  if (header.last() < wanted) {
    // Applied before. That it is the same is known only for the one that the cursor ends on.
    if (known && header.last() == cursor_.sequence && header.checksum != cursor_.checksum) {
      diverge("the batch at " + std::to_string(cursor_.sequence.value) +
              " is not the one that was applied");
    }
    return;
  }
  if (header.first() > wanted) {
    if (!live)
      return;  // a fetch reply never leaves a hole: it is parsed in order from what was asked for
    buffer(std::move(owner), header);
    if (!behind()) transition(State::kGap, "a hole before " + std::to_string(header.first().value));
    return;
  }
  const std::uint64_t before =
      header.first() == wanted ? header.place.previous_checksum : header.checksum;
  if (known && before != cursor_.checksum) {
    return diverge("the log does not continue the batch at " +
                   std::to_string(cursor_.sequence.value));
  }
  deliver(std::move(owner), batch);
  if (live && state_ == State::kJoin) transition(State::kLive, "a broadcast connects");
}

/// What was broadcast while a fetch was under way and connects now.
void Subscription::drain_live_buffer() {
  std::deque<Buffered> buffered;
  std::swap(buffered, live_buffer_);
  live_buffer_bytes_ = 0;
  for (Buffered& entry : buffered) {
    if (state_ == State::kDiverged) return;
    if (entry.header.last() < cursor_.sequence) continue;
    if (behind()) {  // behind a hole in what is here
      buffer(std::move(entry.owner), entry.header);
      continue;
    }
    const auto batch = BatchView::parse(entry.owner->view());
    if (batch) {
      on_batch(std::move(entry.owner), *batch, true);
    } else {
      spdlog::warn("subscription to {}: {}", stream_, batch.error().message);
    }
  }
}

void Subscription::on_boot(const BootId& boot) {
  if (boot == boot_) return;
  const bool first = boot_.none();
  boot_ = boot;
  if (first) return;  // what was asked before is this one's to answer
  registered_ = consumer_.empty();
  registration_ids_.clear();
  request_due_ = not_before_ = MonoTime{};
  forget_fetches();
  log_incarnation_ = Incarnation{};  // until this boot names it
  log_shared_.reset();
  log_head_ = Sequence{};
  // What waits here is of the run before; the log tells what became of it.
  live_buffer_.clear();
  live_buffer_bytes_ = 0;
  if (state_ != State::kDiverged) transition(State::kFetch, "the sidecar restarted");
}

void Subscription::on_beacon(const Beacon& beacon, MonoTime now) {
  on_boot(beacon.boot);
  hear_log(beacon.incarnation, beacon.head);
  beacon_due_ = now + beacon.next_due;
  last_beacon_at_ = now;
  last_beacon_ = beacon;
  if (!has_cursor_ || state_ == State::kDiverged) return;
  if (beacon.incarnation != cursor_.incarnation) {
    return diverge("the log's incarnation is " + beacon.incarnation.hex() + ", this cursor's " +
                   cursor_.incarnation.hex());
  }
  if (beacon.head == cursor_.sequence && cursor_.checksum != 0 && beacon.head_checksum != 0 &&
      beacon.head_checksum != cursor_.checksum) {
    return diverge("the batch at " + std::to_string(cursor_.sequence.value) +
                   " is not the one that was applied");
  }
  hear_head(beacon.head, now);
  if (beacon.head > cursor_.sequence) {
    if (state_ == State::kLive || state_ == State::kJoin) {
      transition(State::kGap, "the head is " + std::to_string(beacon.head.value));
      request_due_ = MonoTime{};
    }
  } else if (state_ == State::kJoin) {
    // A beacon whose head is below the cursor says nothing but that nothing is missing yet.
    transition(State::kLive, "a beacon confirms the head");
  }
}

milliseconds Subscription::producer_silence(MonoTime now) const {
  if (!last_beacon_ || last_beacon_->producers.empty()) return milliseconds(0);
  return last_beacon_->producers.front().silent +
         std::chrono::duration_cast<milliseconds>(now - last_beacon_at_);
}

// requests and replies

std::vector<std::pair<Envelope, Request>> Subscription::take_requests(MonoTime now,
                                                                      std::uint64_t& next_id) {
  std::vector<std::pair<Envelope, Request>> due;
  if (now < not_before_) return due;
  if (!registered_) {
    if (now < request_due_) return due;
    if (registration_ids_.size() == limits::kRegistrationsAwaited)
      registration_ids_.erase(registration_ids_.begin());
    registration_ids_.push_back(next_id++);
    request_due_ = now + limits::kFetchTimeout;
    Subscribe subscribe{stream_, consumer_, start_.from, unix_ns(start_.time), {}, {}, 0};
    if (has_cursor_) {
      subscribe.start = "cursor";
      subscribe.incarnation = cursor_.incarnation;
      subscribe.cursor = cursor_.sequence;
      subscribe.checksum = cursor_.checksum;
    }
    due.emplace_back(Envelope{registration_ids_.back(), {}}, subscribe);
    return due;
  }
  if (!has_cursor_ || uncommitted_start_ || state_ == State::kDiverged || !deliveries_.empty())
    return due;
  if (fetched_.size() > 1 || (fetch_id_ != 0 && now < request_due_)) return due;
  // A poll otherwise: a beacon overdue may hide a moved head.
  const bool overdue = !beacon_due_ || now > *beacon_due_;
  if (!behind() && (!overdue || now < request_due_)) return due;
  // One that got no reply in time is asked again for less: the link may be slow.
  if (fetch_id_ != 0) fetch_bytes_ = limits::kFetchReplyBytesMin;
  fetch_id_ = next_id++;
  request_due_ = now + limits::kFetchTimeout;
  // What waits to be opened ends on a checksum not yet known; the chain is checked then.
  const std::uint64_t checksum = fetched_.empty() ? cursor_.checksum : 0;
  due.emplace_back(Envelope{fetch_id_, {}},
                   Fetch{stream_, cursor_.incarnation, fetch_from(), {}, fetch_bytes_, checksum});
  return due;
}

MonoTime Subscription::next_due() const {
  if (!deliveries_.empty() || !fetched_.empty())
    return MonoTime{};  // a group was full before they were taken
  if (state_ == State::kDiverged && registered_) return MonoTime::max();
  if (!registered_ || (fetch_id_ != 0 && behind())) return std::max(request_due_, not_before_);
  if (!behind()) return std::max({request_due_, not_before_, beacon_due_.value_or(request_due_)});
  return uncommitted_start_ ? MonoTime::max() : not_before_;
}

void Subscription::on_reply(const ReplyMessage& reply, Message batches, MonoTime now) {
  const std::uint64_t id = reply.envelope.id;
  const bool to_registration =
      !registered_ &&
      std::find(registration_ids_.begin(), registration_ids_.end(), id) != registration_ids_.end();
  const bool to_fetch = id == fetch_id_ && fetch_id_ != 0;
  if (!to_registration && !to_fetch) return;  // overtaken
  on_boot(reply.envelope.boot);
  if (to_fetch && fetch_id_ == 0) return;  // the sidecar restarted since it was asked
  if (to_fetch) {
    fetch_id_ = 0;
    const auto* found = std::get_if<Batches>(&reply.body);
    if (found != nullptr && now + limits::kFetchTimeout / 2 <= request_due_)
      fetch_bytes_ = std::min(2 * fetch_bytes_, limits::kFetchReplyBytesMax);
    if (found != nullptr && found->more && found->incarnation == cursor_.incarnation &&
        found->next > fetch_from() && behind()) {
      fetched_.push_back({*found, std::make_shared<const Message>(std::move(batches)), now});
      return;
    }
    while (!fetched_.empty()) {
      if (!open_fetched()) return;  // this reply does not follow on what there is
    }
  }
  if (const auto* error = std::get_if<ErrorReply>(&reply.body)) return on(*error, now);
  if (to_registration) {
    if (const auto* subscribed = std::get_if<Subscribed>(&reply.body)) on(*subscribed, now);
    return;
  }
  if (state_ == State::kDiverged) return;
  if (const auto* found = std::get_if<Batches>(&reply.body)) {
    on(*found, std::make_shared<const Message>(std::move(batches)), now);
  } else if (const auto* trimmed = std::get_if<Trimmed>(&reply.body)) {
    on(*trimmed, now);
  } else if (const auto* corrupt = std::get_if<Corrupt>(&reply.body)) {
    on(*corrupt, now);
  } else if (const auto* diverged = std::get_if<Diverged>(&reply.body)) {
    on(*diverged);
  }
}

void Subscription::on_forgotten() {
  if (!registered_ || consumer_.empty()) return;
  spdlog::warn("subscription to {}: the sidecar had forgotten {}, which registers again", stream_,
               consumer_);
  registered_ = false;
  request_due_ = MonoTime{};
}

void Subscription::on(const ErrorReply& reply, MonoTime now) {
  // Asked again while the first was still under way: that one will be answered.
  if (!registered_ && reply.code == ErrorCode::kUnavailable && registration_ids_.size() > 1) return;
  spdlog::warn("subscription to {}: {}: {}", stream_, to_string(reply.code), reply.message);
  not_before_ = now + limits::kPollInterval;
  if (!registered_) request_due_ = not_before_;
}

void Subscription::on(const Subscribed& reply, MonoTime now) {
  registered_ = true;
  registration_ids_.clear();
  request_due_ = MonoTime{};
  hear_log(reply.incarnation, reply.head);
  log_shared_ = reply.shared;
  if (!has_cursor_) {
    has_cursor_ = true;
    cursor_ = Cursor{reply.incarnation, reply.start, 0};
    uncommitted_start_ = true;
    deliveries_.push_back(Started{cursor_});
  } else if (reply.incarnation != cursor_.incarnation) {
    return diverge("the log's incarnation is " + reply.incarnation.hex() + ", this cursor's " +
                   cursor_.incarnation.hex());
  }
  hear_head(reply.head, now);
}

void Subscription::on(const Batches& reply, std::shared_ptr<const Message> batches, MonoTime now) {
  if (reply.incarnation != cursor_.incarnation) {
    hear_log(reply.incarnation, reply.head);
    return diverge("a fetch from incarnation " + reply.incarnation.hex());
  }
  const Sequence before = cursor_.sequence;
  take_fetched(batches);
  if (state_ == State::kDiverged) return;
  if (planted::has(planted::Bug::kFetchTakenForComplete))
    cursor_ = {cursor_.incarnation, std::max(reply.head, cursor_.sequence), 0};
  hear_head(std::max(reply.head, cursor_.sequence), now);
  // Taken as complete only if it is: what it says it holds must have been in it.
  const bool complete = reply.next <= cursor_.sequence + 1;
  if (!complete || reply.more || cursor_.sequence < reply.head) return fetch_on(before, now);
  if (behind()) transition(State::kJoin, "the fetch reached the head");
  drain_live_buffer();
  // It polled because beacons are overdue: not again at once.
  request_due_ = now + limits::kPollInterval;
}

bool Subscription::behind() const { return state_ == State::kFetch || state_ == State::kGap; }

Sequence Subscription::fetch_from() const {
  return fetched_.empty() ? cursor_.sequence + 1 : fetched_.back().reply.next;
}

/// The first reply that waits. False if it did not bring all that it said: what was asked for after
/// it would leave a hole, and is asked for again.
bool Subscription::open_fetched() {
  const Fetched first = std::move(fetched_.front());
  fetched_.pop_front();
  on(first.reply, first.batches, first.arrived);
  if (cursor_.sequence + 1 == first.reply.next) return true;
  forget_fetches();
  return false;
}

void Subscription::forget_fetches() {
  fetched_.clear();
  fetch_id_ = 0;
}

/// Delivers the batches of a fetch reply. One that broke on its way ends early: what was sound is
/// delivered, and the rest is asked for again.
void Subscription::take_fetched(const std::shared_ptr<const Message>& batches) {
  std::string_view rest = batches->view();
  while (!rest.empty() && state_ != State::kDiverged) {
    const auto header = parse_batch_header(rest);
    const auto batch = header && batch_bytes(*header) <= rest.size()
                           ? BatchView::parse(rest.substr(0, batch_bytes(*header)))
                           : Result<BatchView>(fail(ErrorCode::kCorruption,
                                                    "a fetch reply that is no run of batches"));
    if (!batch) return spdlog::warn("subscription to {}: {}", stream_, batch.error().message);
    rest.remove_prefix(batch_bytes(*header));
    on_batch(batches, *batch, false);
  }
}

/// There is more to fetch: at once, unless the last reply brought nothing on.
void Subscription::fetch_on(Sequence before, MonoTime now) {
  if (state_ == State::kJoin || state_ == State::kLive)
    transition(State::kGap, "a poll found more");
  if (cursor_.sequence == before) not_before_ = now + limits::kPollInterval;
}

void Subscription::on(const Trimmed& reply, MonoTime now) {
  if (reply.incarnation != cursor_.incarnation) {
    hear_log(reply.incarnation, reply.head);
    return diverge("a fetch from incarnation " + reply.incarnation.hex());
  }
  const Sequence before = cursor_.sequence;
  skip_to(reply.oldest, "trimmed");
  hear_head(reply.head, now);
  fetch_on(before, now);
}

void Subscription::on(const Corrupt& reply, MonoTime now) {
  if (reply.incarnation != cursor_.incarnation) {
    hear_log(reply.incarnation, reply.first - 1);
    return diverge("a fetch from incarnation " + reply.incarnation.hex());
  }
  const Sequence before = cursor_.sequence;
  skip_to(reply.first + reply.count, "corrupt");
  fetch_on(before, now);
}

void Subscription::on(const Diverged& reply) {
  hear_log(reply.incarnation, reply.head);
  diverge(reply.message);
}

}  // namespace forebay
