#include "common/client/publish_window.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/base/planted.h"
#include "common/event/event_codec.h"

namespace forebay {

std::string_view to_string(PublishWindow::State state) {
  switch (state) {
    case PublishWindow::State::kRegistering:
      return "registering";
    case PublishWindow::State::kActive:
      return "active";
    case PublishWindow::State::kHolding:
      return "holding";
    case PublishWindow::State::kFailed:
      return "failed";
  }
  return "?";
}

Result<PublishWindow> PublishWindow::make(Options options, const InstanceId& instance) {
  Attributes shared;
  if (!options.source.empty()) shared.emplace("source", options.source);
  auto encoded = encode_attributes(shared);
  if (!encoded) return fail(encoded.error());
  return PublishWindow(std::move(options), instance, std::move(*encoded));
}

void PublishWindow::transition(State next, std::string_view why) {
  if (next == state_) return;
  spdlog::debug("publisher of {}: {} → {}: {}", options_.stream, to_string(state_), to_string(next),
                why);
  state_ = next;
}

void PublishWindow::fail_with(ErrorCode code, std::string message) {
  error_ = Error{code, "publisher of " + options_.stream + ": " + message};
  transition(State::kFailed, error_->message);
}

void PublishWindow::register_again(std::string_view why) {
  if (state_ == State::kFailed || state_ == State::kRegistering) return;
  transition(State::kRegistering, why);
  request_due_ = MonoTime{};
}

// the application's side

Result<Admission> PublishWindow::publish(const Event& event, WallTime now,
                                         std::optional<ProducerSequence> sequence) {
  if (state_ == State::kFailed) return fail(*error_);
  scratch_.clear();
  if (auto encoded = encode_event(event, now, scratch_); !encoded) return fail(encoded.error());
  if (!empty() && bytes() + scratch_.size() > options_.bytes_max) {
    return Admission::kWouldBlock;
  }
  if (numbered_by_application_.value_or(sequence.has_value()) != sequence.has_value()) {
    return fail(ErrorCode::kBadInput,
                "events with a producer sequence and without one do not mix: number all or none");
  }
  if (sequence) {
    const ProducerSequence before =
        std::max({open_last_, acknowledged_.position,
                  entries_.empty() ? ProducerSequence{} : entries_.back().last});
    if (*sequence <= before) {
      return fail(ErrorCode::kBadSequence, "producer sequence " + std::to_string(sequence->value) +
                                               " does not follow on " +
                                               std::to_string(before.value));
    }
  }
  numbered_by_application_ = sequence.has_value();
  if (!builder_.fits(scratch_.size())) close_batch();
  builder_.append(scratch_);
  if (sequence) open_last_ = *sequence;
  if (sequence && open_first_.value == 0) open_first_ = *sequence;
  return Admission::kTaken;
}

void PublishWindow::close_batch() {
  Entry entry;
  entry.events = builder_.count();
  entry.batch = std::make_shared<std::string>(builder_.finish());
  entry.first = std::exchange(open_first_, {});
  entry.last = std::exchange(open_last_, {});
  entry_bytes_ += entry.batch->size();
  entries_.push_back(std::move(entry));
}

// the network's side

std::vector<Request> PublishWindow::take_requests(MonoTime now) {
  std::vector<Request> due;
  if (state_ == State::kFailed || now < request_due_) return due;
  request_due_ = now + limits::kKeepaliveInterval;
  if (state_ == State::kRegistering) {
    due.push_back(
        Register{options_.stream, instance_, options_.name, options_.fingerprint, epoch_});
  } else {
    due.push_back(Keepalive{{producer_, epoch_, instance_}});
  }
  return due;
}

std::shared_ptr<const std::string> PublishWindow::next_to_send(MonoTime now) {
  if (state_ == State::kHolding && now >= hold_until_) transition(State::kActive, "trying again");
  if (state_ != State::kActive) return nullptr;
  if (unsent_ == entries_.size()) {
    if (!entries_.empty() && now >= resend_due_) {
      // The first alone: if it arrived, its acknowledgement, or a `resend`, tells about the rest.
      return entries_.front().batch;
    }
    const bool nothing_in_flight = entries_.empty();
    if (builder_.empty() || !nothing_in_flight) return nullptr;
    close_batch();
  }
  Entry& entry = entries_[unsent_];
  if (entry.origin.producer != producer_ || entry.origin.incarnation != incarnation_ ||
      entry.origin.epoch != epoch_) {
    stamp(entry, unsent_ == 0 ? acknowledged_.position : entries_[unsent_ - 1].origin.last);
  }
  return entry.batch;
}

void PublishWindow::stamp(Entry& entry, ProducerSequence previous) {
  // An earlier stamping may still be under way inside the socket.
  if (entry.origin.producer.value != 0) entry.batch = std::make_shared<std::string>(*entry.batch);
  if (entry.last.value == 0) entry.last.value = previous.value + entry.events;
  entry.origin = BatchOrigin{incarnation_, producer_, epoch_, previous, entry.last};
  set_batch_origin(entry.batch->data(), entry.origin);
}

void PublishWindow::sent(MonoTime now) {
  if (unsent_ == entries_.size()) {  // the first was sent again
    probe_ = entries_.front().origin.last;
    resend_timeout_ = std::min(resend_timeout_ * 2, limits::kResendTimeoutMax);
    resend_due_ = now + resend_timeout_;
    return;
  }
  ++unsent_;
  if (resend_due_ == MonoTime::max()) resend_due_ = now + resend_timeout_;
}

MonoTime PublishWindow::next_request_due() const {
  return state_ == State::kFailed ? MonoTime::max() : request_due_;
}

MonoTime PublishWindow::next_due() const {
  MonoTime due = next_request_due();
  if (state_ == State::kHolding) due = std::min(due, hold_until_);
  if (state_ == State::kActive && !entries_.empty()) due = std::min(due, resend_due_);
  return due;
}

std::optional<Goodbye> PublishWindow::goodbye() const {
  if (!was_registered() || state_ == State::kFailed) return std::nullopt;
  return Goodbye{{producer_, epoch_, instance_}};
}

/// Drops what is on disk from the window.
void PublishWindow::acknowledge(ProducerSequence position, Sequence sequence, Sequence first,
                                MonoTime now) {
  if (position <= acknowledged_.position) return;
  acknowledged_.position = position;
  acknowledged_.last = sequence;
  bool any = false;
  while (!entries_.empty() && entries_.front().origin.producer == producer_ &&
         entries_.front().origin.last <= position) {
    any = true;
    acknowledged_.events += entries_.front().events;
    entry_bytes_ -= entries_.front().batch->size();
    entries_.pop_front();
    if (unsent_ > 0) --unsent_;
  }
  if (any && acknowledged_.first.value == 0) acknowledged_.first = first;
  if (any && state_ != State::kFailed) error_.reset();
  resend_timeout_ = limits::kResendTimeoutMin;
  resend_due_ = unsent_ == 0 ? MonoTime::max() : now + resend_timeout_;
  if (probe_ && position >= *probe_) {
    const bool alone = position == *probe_;
    probe_.reset();
    if (alone) rewind(position, now);
  }
}

/// Sends again from the batch that follows on `position`.
void PublishWindow::rewind(ProducerSequence position, MonoTime now) {
  unsent_ = 0;
  while (unsent_ < entries_.size() && entries_[unsent_].origin.producer.value != 0 &&
         entries_[unsent_].origin.last <= position) {
    ++unsent_;
  }
  resend_due_ = unsent_ == 0 ? MonoTime::max() : now + resend_timeout_;
}

void PublishWindow::on_reply(const ReplyMessage& message, MonoTime now) {
  if (state_ == State::kFailed) return;
  const bool restarted = !boot_.none() && message.envelope.boot != boot_;
  if (restarted && !std::holds_alternative<Registered>(message.body))
    register_again("the sidecar restarted");
  boot_ = message.envelope.boot;
  std::visit([&](const auto& body) { on(body, now); }, message.body);
}

void PublishWindow::on(const Registered& reply, MonoTime now) {
  if (reply.stream != options_.stream) return;
  const bool first_time = !was_registered();
  if (!first_time && reply.producer != producer_) {
    if (reply.incarnation != incarnation_) {
      return fail_with(ErrorCode::kDiverged,
                       "the sidecar's log is another one: its incarnation changed");
    }
    if (!options_.name.empty() && acknowledged_.position.value > 0) {
      return fail_with(ErrorCode::kDiverged,
                       "the sidecar's log no longer knows '" + options_.name +
                           "', which had it acknowledge up to " +
                           std::to_string(acknowledged_.position.value) +
                           ": it was restored from an older copy, or the producer forgotten");
    }
    if (!entries_.empty() && entries_.front().origin.producer.value != 0) {
      return fail_with(ErrorCode::kUnregistered,
                       "the sidecar has forgotten this producer; whether its last batches were "
                       "committed cannot be told");
    }
  } else if (!first_time && reply.epoch > epoch_) {
    // Its batches may be of other cuts than ours: what is in the window may overlap them.
    return fail_with(ErrorCode::kFenced,
                     "another instance of this producer had taken over in between");
  } else if (!first_time && (reply.epoch < epoch_ || reply.position < acknowledged_.position)) {
    return fail_with(ErrorCode::kDiverged,
                     "the sidecar's log no longer has what it acknowledged (position " +
                         std::to_string(reply.position.value) + " instead of " +
                         std::to_string(acknowledged_.position.value) +
                         "): it was restored from an older copy");
  }
  if (reply.producer != producer_) acknowledged_.position = {};
  incarnation_ = reply.incarnation;
  producer_ = reply.producer;
  epoch_ = reply.epoch;
  acknowledged_.incarnation = reply.incarnation;
  acknowledge(reply.position, reply.sequence, {}, now);
  if (first_time) acknowledged_.last = reply.sequence;
  // What was published before the answer was numbered without knowing where the producer stands.
  const auto behind = [&](ProducerSequence first) {
    return first.value != 0 && first <= reply.position;
  };
  if (behind(open_first_) || std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        return entry.origin.producer.value == 0 && behind(entry.first);
      })) {
    return fail_with(ErrorCode::kBadSequence,
                     "events were numbered up to a position that is committed already: wait "
                     "for the registration and resume after its position");
  }
  if (planted::has(planted::Bug::kWindowNotResent) && !first_time) {
    for (; unsent_ > 0; --unsent_) entries_.pop_front();
  }
  rewind(reply.position, now);
  transition(State::kActive, "registered");
  error_.reset();
}

void PublishWindow::on(const Acknowledged& reply, MonoTime now) {
  if (!is_ours(reply.producer, reply.epoch) || reply.incarnation != incarnation_) return;
  acknowledge(reply.position, reply.sequence, reply.first, now);
}

void PublishWindow::on(const Resend& reply, MonoTime now) {
  if (!is_ours(reply.producer, reply.epoch)) return;
  if (reply.position < acknowledged_.position)
    return register_again("it asks for what it acknowledged");
  rewind(reply.position, now);
}

void PublishWindow::on(const Full& reply, MonoTime now) {
  if (!is_ours(reply.producer, reply.epoch)) return;
  rewind(reply.position, now);
  error_ = Error{ErrorCode::kFull, reply.message};
  hold_until_ = now + limits::kFullRetryInterval;
  if (state_ == State::kActive) transition(State::kHolding, reply.message);
}

void PublishWindow::on(const Refused& reply, MonoTime) {
  if (!is_ours(reply.producer, reply.epoch)) return;
  if (reply.code == ErrorCode::kUnregistered || reply.code == ErrorCode::kDiverged) {
    return register_again(reply.message);
  }
  fail_with(reply.code, reply.message);
}

void PublishWindow::on(const Alive& reply, MonoTime now) {
  if (!is_ours(reply.producer, reply.epoch)) return;
  // An acknowledgement was lost on its way: the first batch, sent again, brings another.
  if (reply.position > acknowledged_.position && unsent_ > 0) resend_due_ = now;
}

void PublishWindow::on(const ErrorReply& reply, MonoTime now) {
  switch (reply.code) {
    case ErrorCode::kUnregistered:
      return register_again(reply.message);
    case ErrorCode::kFull:
    case ErrorCode::kUnavailable:
      error_ = Error{reply.code, reply.message};
      request_due_ = now + limits::kFullRetryInterval;
      return;
    default:
      return fail_with(reply.code, reply.message);
  }
}

}  // namespace forebay
