// A consumer: keeps a local view of some streams, each event applied exactly once, and goes on
// answering from it while all of them are down.
//
//   MyHandler handler;                                            // handler.h
//   auto consumer = Consumer::open({.name = "billing", .state_dir = dir, .links = links}, handler);
//   (*consumer)->start();
//   const auto view = (*consumer)->view();                        // any thread, any time
//   const ReadTransaction read = view->store().read();
//   auto value = read.get(Table{0}, "sku-1");
//
// One thread of its own receives, applies in groups and commits; readers run concurrently. The
// caller holds the lock of the state folder. An error of the store stops the consumer (failure());
// the process should then end and be restarted.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mailbox.h"
#include "common/client/consumer_store.h"
#include "common/client/handler.h"
#include "common/client/replay.h"
#include "common/client/view_builder.h"
#include "common/client/view_folders.h"
#include "common/event/json_value.h"
#include "common/wire/connections.h"
#include "common/wire/listener.h"

namespace forebay {

/// A sidecar, and what is wanted of it.
struct SidecarLink {
  std::string control;
  std::string broadcast;
  std::vector<std::pair<std::string, SubscriptionStart>> streams;
  std::optional<Credentials> credentials = {};  // on another host
};

/// What the consumer's thread knows of a stream beyond what is in the store.
struct StreamStatus {
  Subscription::State state = Subscription::State::kFetch;
  CursorRecord record;                 // as committed
  Sequence head;                       // the highest heard of
  std::optional<MonoTime> covered;     // when the cursor last covered a head that was heard of
  std::optional<MonoTime> beacon_due;  // none: no beacon since the start
  std::chrono::milliseconds producer_silence{0};
  MonoTime as_of{};  // when this was taken
};

/// What `reset` does with a stream that diverged.
enum class ResetMode {
  kAdopt,    // keep view and sequence under the log's incarnation
  kRebuild,  // make a new view from the logs
};

/// How a rebuild, or the making of a scratch view, is getting on.
struct BuildProgress {
  bool running = false;
  std::string id;             // of this one alone, over restarts too; empty: none since the start
  std::string view;           // empty: a rebuild of the live one
  std::uint64_t applied = 0;  // events
  std::uint64_t total = 0;    // as far as it is known
  std::optional<Error> error;
};

class Consumer {
 public:
  struct Options {
    std::string name;       // unique in the topology; the sidecars know its cursors by it
    std::string state_dir;  // its own folder, made
    std::vector<SidecarLink> links;
    std::function<void()> on_progress =
        {};  // called on its thread after each commit and change of state; may be empty
    std::string control = {};    // endpoint where operators ask it (node_control.h); empty: nowhere
    bool takes_replays = false;  // of a handler without tables: it sees events again when asked to
  };

  /// `handler` outlives it. Errors are the store's, or a bad endpoint; kBadInput for a handler that
  /// keeps a view and takes replays. Without a descriptor it ends the process, as Publisher::connect.
  [[nodiscard]] static Result<std::unique_ptr<Consumer>> open(Options options, Handler& handler);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  /// What its process has to say of alerts (Watch::alerts()): part of its status. Before start();
  /// called from any thread.
  void tell_alerts(std::function<Json()> alerts) { alerts_ = std::move(alerts); }
  /// Empty if it says nothing of them.
  [[nodiscard]] const std::function<Json()>& alerts() const { return alerts_; }

  void start();
  /// Commits what was applied and reports the cursors.
  void stop();

  // from any thread
  /// The live view, or a scratch view by name; kNotFound.
  [[nodiscard]] Result<std::shared_ptr<ConsumerStore>> view(const std::string& name = {}) const;
  [[nodiscard]] std::map<std::string, StreamStatus> status() const;
  [[nodiscard]] std::optional<Error> failure() const;

  /// Takes a stream out of DIVERGED.
  [[nodiscard]] Result<void> reset(const std::string& stream, ResetMode mode);
  /// Starts to build a fresh view from the logs, beside the live one, and to swap it in; or, with a
  /// `view` name, a scratch view of the streams of `until` (each up to that sequence, and from
  /// `from` on if it is there) that stays beside it.
  [[nodiscard]] Result<void> build(const std::string& view,
                                   const std::map<std::string, Sequence>& from,
                                   const std::map<std::string, Sequence>& until);
  [[nodiscard]] BuildProgress build_progress() const;
  /// Lets the handler see events again (encode_replay). kBadInput if it does not take replays, or
  /// none of that stream.
  [[nodiscard]] Result<ReplayOutcome> replay(std::string request);
  [[nodiscard]] const std::string& name() const { return options_.name; }

 private:
  struct Link {
    Link(Context& context, const SidecarLink& plan);
    [[nodiscard]] Result<void> connect_dealer();
    SidecarLink plan;
    std::size_t turn = 0;              // of the dealer's key (Socket::connect), as the listener's
    std::optional<Refusals> refusals;  // of the dealer, if it is encrypted
    std::optional<Refusals::Why> refused;  // as said last
    MonoTime again_at{};                   // then it is connected anew
    Socket dealer;
    Listener listener;
  };
  /// A view that is being built beside the live one.
  struct Build {
    std::string name;     // of its folder
    std::string scratch;  // its user's name; empty: a rebuild
    std::shared_ptr<ConsumerStore> store;
    ViewBuilder builder;
    std::map<std::string, Sequence> targets;  // of diverged streams: the head at the start
  };
  using Command = std::function<void()>;

  Consumer(Options options, Handler& handler, ViewFolders folders,
           std::shared_ptr<ConsumerStore> store);

  [[nodiscard]] Result<void> connect();
  void run();
  void answer_operators();
  [[nodiscard]] Result<void> round(Poller& poller);
  void receive(Link& link);
  void follow_key(Link& link);
  void knock_again(Link& link);
  void send_requests(Link& link);
  void report_cursors(MonoTime now);
  [[nodiscard]] std::chrono::milliseconds time_to_next();
  void publish_status(MonoTime now);
  [[nodiscard]] std::vector<ViewBuilder*> builders();
  [[nodiscard]] Result<void> start_build(const std::string& view,
                                         const std::map<std::string, Sequence>& from,
                                         const std::map<std::string, Sequence>& until);
  [[nodiscard]] Result<void> advance_build();
  [[nodiscard]] bool build_is_complete() const;
  [[nodiscard]] Result<void> carry_over();
  [[nodiscard]] Result<void> swap_in();
  [[nodiscard]] std::optional<Error> unfit_to_swap() const;
  [[nodiscard]] Result<void> keep_scratch();
  void end_build(std::optional<Error> error);
  template <class T>
  [[nodiscard]] Result<T> on_thread(std::function<Result<T>()> action);

  Options options_;
  std::function<Json()> alerts_;
  Handler& handler_;
  SystemClock clock_;
  ViewFolders folders_;
  std::shared_ptr<ConsumerStore> store_;  // the live view's; its pointer is guarded by mutex_
  std::optional<ViewBuilder> live_;
  std::optional<Build> build_;
  Context context_;
  std::vector<std::unique_ptr<Link>> links_;
  std::optional<Socket> control_;
  std::uint64_t next_request_ = 1;
  MonoTime report_due_{};
  Mailbox<Command> commands_;
  bool stopping_ = false;
  std::thread thread_;
  std::atomic<std::thread::id> thread_id_;

  mutable std::mutex mutex_;  // guards what follows, and store_
  std::map<std::string, StreamStatus> status_;
  std::optional<Error> failure_;
  BuildProgress progress_;
  mutable std::map<std::string, std::shared_ptr<ConsumerStore>> scratch_views_;
};

}  // namespace forebay
