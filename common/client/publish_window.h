// The publisher's state machine: what is unacknowledged, in which state the registration is, what
// to send next. No sockets and no threads: messages and time go in, messages come out, so that a
// simulation can drive it. Publisher (publisher.h) gives it both.
//
//   state        leaves it
//   REGISTERING  → ACTIVE on `registered`; → FAILED if the sidecar refuses for good
//   ACTIVE       → REGISTERING on a new boot id, `unregistered` or `diverged`
//                → HOLDING on `full`
//                → FAILED on `fenced` or `bad_sequence`
//   HOLDING      → ACTIVE when it is time to try again; → REGISTERING, FAILED as above
//   FAILED       final; what is unacknowledged stays unacknowledged, and says so
//
// Batches stay in the window from closing to acknowledgement. A batch closes when it is full or
// when nothing is in flight: a lone event leaves at once, and load makes batches by itself. Sent
// again are: the whole window after a registration, from a position on `resend`, the first batch
// alone after a timeout that backs off, and what follows it if its acknowledgement names it alone:
// the link keeps order, so the rest was lost too.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/event/batch.h"
#include "common/event/event.h"
#include "common/wire/control.h"

namespace forebay {

/// Whether the window took an event.
enum class Admission {
  kTaken,
  kWouldBlock,  // the window is full: wait for acknowledgements
};

/// How far a publisher's events are on disk.
struct Acknowledgement {
  ProducerSequence position;  // the last producer sequence on disk
  Incarnation incarnation;    // of the stream's log
  Sequence first;             // the first sequence acknowledged to this object; 0: none yet
  Sequence last;              // the sequence of the event at `position`
  std::uint64_t events = 0;   // acknowledged to this object
};

class PublishWindow {
 public:
  enum class State { kRegistering, kActive, kHolding, kFailed };

  struct Options {
    std::string stream;
    std::string name;               // empty: anonymous
    std::uint64_t fingerprint = 0;  // of the file it publishes; 0: none
    std::string source;             // CloudEvents source of all events that have none of their own
    std::size_t bytes_max = limits::kWindowBytesMax;
  };

  /// kBadInput if the source is too long.
  [[nodiscard]] static Result<PublishWindow> make(Options options, const InstanceId& instance);

  // the application's side
  /// Encodes the event into the open batch. `sequence`: the producer's own numbering, for all of
  /// its events or none; none: the next after the last. kBadInput for an unsound event,
  /// kBadSequence for a number that does not follow; the error of FAILED.
  [[nodiscard]] Result<Admission> publish(const Event& event, WallTime now,
                                          std::optional<ProducerSequence> sequence);
  [[nodiscard]] State state() const { return state_; }
  /// Nothing is unacknowledged.
  [[nodiscard]] bool empty() const { return entries_.empty() && builder_.empty(); }
  /// Bytes of what is unacknowledged.
  [[nodiscard]] std::size_t bytes() const { return entry_bytes_ + builder_.bytes(); }
  /// Closed batches wait to be sent.
  [[nodiscard]] bool has_unsent() const { return unsent_ < entries_.size(); }
  /// Why it is FAILED, or what the last refusal said.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] const Acknowledgement& acknowledged() const { return acknowledged_; }
  /// Whether an answer to the registration came, ever; `acknowledged` then tells where to resume.
  [[nodiscard]] bool was_registered() const { return producer_.value != 0; }

  // the network's side
  void on_reply(const ReplyMessage& message, MonoTime now);
  /// Control messages that are due: registration, keep-alive.
  [[nodiscard]] std::vector<Request> take_requests(MonoTime now);
  /// The next batch to send now, if any; call `sent` once the socket took it.
  [[nodiscard]] std::shared_ptr<const std::string> next_to_send(MonoTime now);
  void sent(MonoTime now);
  /// When a request is due, if no message comes before.
  [[nodiscard]] MonoTime next_request_due() const;
  /// When anything is, batches to send again included.
  [[nodiscard]] MonoTime next_due() const;
  /// What to say when it ends in order.
  [[nodiscard]] std::optional<Goodbye> goodbye() const;

 private:
  struct Entry {
    std::shared_ptr<std::string> batch;
    std::uint64_t events = 0;
    ProducerSequence first;  // as the application numbered it; 0: it does not
    ProducerSequence
        last;            // as the application numbered it; 0: to be numbered when it is first sent
    BatchOrigin origin;  // as last stamped; producer 0: not yet
  };

  PublishWindow(Options options, const InstanceId& instance, std::string shared)
      : options_(std::move(options)), instance_(instance), builder_(std::move(shared)) {}

  void transition(State next, std::string_view why);
  void fail_with(ErrorCode code, std::string message);
  void register_again(std::string_view why);
  void close_batch();
  void stamp(Entry& entry, ProducerSequence previous);
  void acknowledge(ProducerSequence position, Sequence sequence, Sequence first, MonoTime now);
  void rewind(ProducerSequence position, MonoTime now);
  [[nodiscard]] bool is_ours(ProducerId producer, Epoch epoch) const {
    return producer == producer_ && epoch == epoch_;
  }

  void on(const Registered& reply, MonoTime now);
  void on(const Acknowledged& reply, MonoTime now);
  void on(const Resend& reply, MonoTime now);
  void on(const Full& reply, MonoTime now);
  void on(const Refused& reply, MonoTime now);
  void on(const Alive& reply, MonoTime now);
  void on(const ErrorReply& reply, MonoTime now);
  template <class Other>
  void on(const Other&, MonoTime) {}  // an answer to something that publishers do not ask

  Options options_;
  InstanceId instance_;
  State state_ = State::kRegistering;
  std::optional<Error> error_;

  BootId boot_;
  Incarnation incarnation_;
  ProducerId producer_;
  Epoch epoch_;
  Acknowledgement acknowledged_;

  BatchBuilder builder_;         // the open batch
  std::string scratch_;          // one encoded event
  ProducerSequence open_first_;  // of the open batch; 0: numbered later
  ProducerSequence open_last_;
  std::optional<bool> numbered_by_application_;  // none: nothing published yet
  std::deque<Entry> entries_;                    // closed, unacknowledged
  std::size_t entry_bytes_ = 0;
  std::size_t unsent_ = 0;                 // index into entries_ of the next to send
  std::optional<ProducerSequence> probe_;  // the last of the batch that was sent again alone

  std::uint64_t next_request_ = 1;
  MonoTime request_due_{};  // next registration attempt or keep-alive
  MonoTime resend_due_ = MonoTime::max();
  MonoTime hold_until_{};
  std::chrono::milliseconds resend_timeout_ = limits::kResendTimeoutMin;
};

[[nodiscard]] std::string_view to_string(PublishWindow::State state);

}  // namespace forebay
