// Publishes events to one stream: durable once acknowledged, each exactly once in the log.
//
//   auto publisher = Publisher::connect({.ingest = ingest, .control = control, .stream =
//   "inventory"}); Event event{.type = "stock.adjusted", .subject = "sku-1", .data = …}; if (auto
//   taken = publisher->publish(event); !taken) …       // unsound event, or the publisher failed
//   for good auto durable = publisher->flush(std::chrono::seconds(5));   // on disk, or says why
//   not
//
// publish never waits: when the window is full it says kWouldBlock (publish_within waits up to a
// deadline). It hands a batch that is due to the socket itself; a thread takes acknowledgements,
// sends what waited for them, and sends again, also while the sidecar is down or restarts. All
// publishers of a process share that thread and the sockets to their sidecar (publisher_link.h). All
// functions may be called from any thread. What is unacknowledged when it is destroyed is not sent
// again, though what a connected sidecar has not read yet may still arrive: flush first.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/client/publish_window.h"
#include "common/client/publisher_link.h"

namespace forebay {

class Publisher final : private LinkUser {
 public:
  struct Options {
    std::string ingest = {};  // endpoints of the sidecar beside it (`forebay topology endpoints`)
    std::string control = {};
    std::string stream = {};
    std::string name = {};          // who publishes; empty: anonymous, forgotten after its goodbye
    std::uint64_t fingerprint = 0;  // of the file it publishes; 0: none
    std::string source = {};        // CloudEvents source of events that have none
    std::size_t window_bytes = limits::kWindowBytesMax;
  };

  /// Starts to register and returns at once; the sidecar need not be up. kBadInput for an endpoint
  /// or source that cannot be. Where the process may open no more descriptors, ends it, with status 1
  /// and a word on that, as libzmq would (common/base/last_words.h).
  [[nodiscard]] static Result<std::unique_ptr<Publisher>> connect(Options options);
  ~Publisher() override;
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  /// Waits for the first answer to the registration; its position tells a named producer where to
  /// resume. kTimeout, or the reason of a refusal.
  [[nodiscard]] Result<Acknowledgement> wait_registered(std::chrono::milliseconds timeout);

  /// Takes the event into the window, or kWouldBlock. `sequence`: the producer's own, increasing
  /// numbering (a file's byte offset, an outbox id), from after the registered position; none:
  /// counted on from there. kBadInput and kBadSequence for this event alone; kFenced, kDiverged and
  /// the like are final.
  [[nodiscard]] Result<Admission> publish(const Event& event,
                                          std::optional<ProducerSequence> sequence = {});
  /// The same, waiting for room: kTimeout if there was none (kFull if the sidecar says that it has
  /// none).
  [[nodiscard]] Result<void> publish_within(std::chrono::milliseconds timeout, const Event& event,
                                            std::optional<ProducerSequence> sequence = {});

  /// Waits until everything taken is on disk. kTimeout says how much is not; kFull; or the final
  /// error.
  [[nodiscard]] Result<Acknowledgement> flush(std::chrono::milliseconds timeout);

  /// What is on disk by now.
  [[nodiscard]] Acknowledgement acknowledged() const;

  /// How much is taken and not on disk: what the window holds.
  [[nodiscard]] std::size_t unacknowledged_bytes() const;

  /// Why it has failed for good, if it has: what tells such an error from one of a single event.
  [[nodiscard]] std::optional<Error> failure() const;

 private:
  Publisher(Options options, PublishWindow window, std::shared_ptr<PublisherLink> link);
  [[nodiscard]] MonoTime due() const override { return due_; }
  [[nodiscard]] std::vector<Request> take_due(MonoTime now) override;
  [[nodiscard]] bool send_again(MonoTime now) override;
  void on_reply(const ReplyMessage& reply, MonoTime now) override;
  void send_batches(MonoTime now);
  void note_due();
  void send_at_once(bool was_empty);
  [[nodiscard]] WallTime time_of(const Event& event) const;
  template <class Ready>
  [[nodiscard]] bool wait(std::unique_lock<std::mutex>& hold, std::chrono::milliseconds timeout,
                          Ready ready);
  [[nodiscard]] Error timeout_error(const std::string& what) const;

  Options options_;
  SystemClock clock_;
  std::shared_ptr<PublisherLink> link_;
  mutable std::mutex mutex_;  // guards window_ and blocked_
  std::condition_variable changed_;
  PublishWindow window_;
  bool blocked_ = false;  // waits in the link's queue
  std::atomic<MonoTime> due_ = MonoTime{};
};

}  // namespace forebay
