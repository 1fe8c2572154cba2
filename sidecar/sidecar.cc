#include "sidecar/sidecar.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <condition_variable>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <thread>

#include "common/base/limits.h"
#include "common/event/batch_layout.h"
#include "common/wire/transport.h"
#include "sidecar/broadcast_thread.h"
#include "sidecar/commit_thread.h"
#include "sidecar/consumers.h"
#include "sidecar/doors.h"
#include "sidecar/failure.h"
#include "sidecar/fetch.h"
#include "sidecar/fetch_queue.h"
#include "sidecar/holds.h"
#include "sidecar/ingest.h"
#include "sidecar/scrub.h"
#include "sidecar/self_look.h"
#include "sidecar/status.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;

constexpr int kFetchNiceness = 10, kScrubNiceness = 19;
constexpr milliseconds kScrubStepInterval{125};      // 8 MiB/s
constexpr milliseconds kScrubPassInterval{600'000};  // from the end of the log to its beginning

void be_nice(int niceness) {
  static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), niceness));
}

class Service {
 public:
  Service(const SidecarOptions& options, Log& log,
          const std::vector<std::pair<ProducerId, ProducerRecord>>& producers,
          const std::vector<std::pair<ConsumerKey, ConsumerRecord>>& consumers)
      : options_(options),
        log_(log),
        holds_(log.stream_count()),
        ingest_(clock_, holds_, stream_infos(), producers),
        consumers_(clock_, holds_, followed(), consumers),
        connections_(context_),
        pull_(context_, SocketKind::kPull, limits::kDataHighWaterMessages),
        control_(context_, options.far),
        broadcast_(context_, options.far),
        broadcasts_(log, clock_, broadcast_, failure_),
        commits_(log, clock_, holds_, policies(), broadcasts_, failure_),
        scrubber_(log, options.state_dir, options.memory->scrubbed),
        look_(log, clock_, options.alerts, options.memory->seen) {}

  Result<void> bind() {
    if (options_.far) {  // at its post before anybody can knock
      auto gate = Gatekeeper::start(context_, options_.far->names);
      if (!gate) return fail(gate.error());
      gate_ = std::move(*gate);
    }
    pull_.limit_frames(batch_layout::kHeaderBytes + limits::kBatchPayloadBytesMax);
    if (auto watched = connections_.near.watch(pull_); !watched) return watched;
    for (const std::string& endpoint : options_.endpoints.ingest) {
      if (auto bound = pull_.bind(endpoint); !bound) return bound;
    }
    if (auto bound = control_.bind(options_.endpoints, gate_.get(), connections_); !bound)
      return bound;
    if (auto bound = broadcast_.bind(options_.endpoints, gate_.get(), connections_); !bound)
      return bound;
    return {};
  }

  Result<void> serve(StopSignals& signals) {
    std::thread committer([this] { commits_.run(); });
    std::thread broadcaster([this] { broadcasts_.run(); });
    std::thread fetcher([this] { fetch_loop(); });
    std::jthread scrubber([this](const std::stop_token& stop) { scrub_loop(stop); });
    watch_.emplace(options_.watch, [this](const Json& report) { return look_.look(report); });
    ingest_loop(signals);
    commits_.queue().stop();
    committer.join();
    take_outcomes();  // the last acknowledgements
    flush_outgoing();
    broadcasts_.stop();
    broadcaster.join();
    fetches_.stop();
    fetcher.join();
    scrubber.request_stop();
    scrubber.join();
    return failure_.result();
  }

 private:
  std::vector<Ingest::StreamInfo> stream_infos() const {
    std::vector<Ingest::StreamInfo> infos;
    for (std::size_t i = 0; i < log_.stream_count(); ++i) {
      infos.push_back({log_.stream_name({i}), log_.stream({i}).incarnation});
    }
    return infos;
  }
  std::vector<RetentionPolicy> policies() const {
    std::vector<RetentionPolicy> policies;
    for (const Stream& stream : options_.streams)
      policies.push_back({stream.retention.age, stream.retention.bytes,
                          stream.retention.discard == Retention::Discard::kNew});
    return policies;
  }
  std::vector<Consumers::Followed> followed() const {
    std::vector<Consumers::Followed> streams;
    for (std::size_t i = 0; i < log_.stream_count(); ++i)
      streams.push_back({log_.stream_name({i}), log_.stream({i})});
    return streams;
  }

  // ingest thread

  void ingest_loop(StopSignals& signals) {
    Poller poller;
    const std::size_t stop = poller.add(signals.descriptor());
    const std::size_t outcomes = poller.add(commits_.descriptor());
    const std::size_t asked = poller.add(watch_->descriptor());
    poller.add(failure_.descriptor());
    const std::size_t replies = poller.add(fetches_.replies().descriptor());
    control_.add_to(poller);
    const std::size_t batches = poller.add(pull_);
    MonoTime liveness_due = clock_.mono();
    while (!failure_.happened()) {
      poller.watch(batches, commits_.queue().takes_batches());
      control_.watch(poller, commits_.queue().takes_requests());
      poller.wait(limits::kLivenessInterval);
      if (poller.readable(stop) && signals.arrived()) break;
      if (poller.readable(outcomes)) take_outcomes();
      if (poller.readable(replies)) {
        for (Outgoing& reply : fetches_.replies().take()) send_counted(std::move(reply));
      }
      if (control_.readable(poller)) take_requests();
      if (poller.readable(batches)) take_batches();
      hand_over();
      flush_outgoing();
      if (poller.readable(asked) && watch_->asks()) watch_->answer([this] { return report(); });
      if (clock_.mono() >= liveness_due) {
        broadcasts_.tell(ingest_.liveness());
        connections_.near.count();
        connections_.far.count();
        liveness_due = clock_.mono() + limits::kLivenessInterval;
      }
    }
  }

  /// A bounded amount, so that control is served in between.
  void take_batches() {
    std::size_t bytes = 0;
    while (bytes < limits::kCommitBytesMax) {
      auto frame = pull_.receive_single();
      if (!frame) return;
      bytes += std::max(frame->size(), limits::kIngestCostBytesMin);
      ingest_.on_batch(std::move(*frame));
    }
  }

  void take_requests() {
    for (std::size_t taken = 0; taken < limits::kRequestsAtOnce; ++taken) {
      auto arrived = control_.receive();
      if (!arrived) return;
      const Peer& peer = arrived->peer;
      if (arrived->request) {
        std::visit([&](const auto& body) { on_request(peer, body); }, *arrived->request);
      } else {
        const Error& error = arrived->request.error();
        send_counted({peer, ErrorReply{error.code, error.message}, {}});
      }
    }
  }

  void on_request(const Peer& peer, const Register& request) { ingest_.on_register(peer, request); }
  void on_request(const Peer& peer, const Keepalive& sent) { ingest_.on_keepalive(peer, sent); }
  void on_request(const Peer&, const Goodbye& request) { ingest_.on_goodbye(request); }
  void on_request(const Peer& peer, const Subscribe& request) {
    consumers_.on_subscribe(peer, request);
  }
  void on_request(const Peer& peer, const CursorReport& report) {
    if (consumers_.on_cursor(peer, report)) return;
    send_counted(
        {peer, ErrorReply{ErrorCode::kBadInput, "\"state\" is up to 16 of A-Z and '_'"}, {}});
  }
  void on_request(const Peer& peer, const Forget& request) { consumers_.on_forget(peer, request); }
  void on_request(const Peer& peer, const ForgetProducer& request) {
    ingest_.on_forget(peer, request);
  }
  void on_request(const Peer& peer, const TrustClock&) {
    holds_.vouch_for_clock();
    send({peer, ClockTrusted{}, {}});
  }
  template <class Asked>  // Fetch, Find or RecordsRequest
  void on_request(const Peer& peer, const Asked& request) {
    if (!fetches_.push({peer, request})) refuse_unavailable(peer);
  }
  void on_request(const Peer& peer, const StatusRequest&) {
    auto slot = fetches_.take_slot(peer.account());  // a report may be long
    if (!slot) return refuse_unavailable(peer);
    auto report = this->report();
    if (!report) return failure_.set(report.error());
    (*report)["alerts"] = watch_->alerts();
    send({peer, StatusReport{print_json(*report)}, {}, std::move(slot)});
  }

  [[nodiscard]] Result<Json> report() {
    return status_report({options_.name, options_.version, log_, holds_, ingest_, consumers_,
                          commits_.times(), commits_.under_way(), scrubber_.damage(),
                          gate_ ? gate_->refused() : 0, broadcast_.refused(),
                          connections_.near.count(), connections_.far.count(), full_});
  }

  void refuse_unavailable(const Peer& peer) {
    const std::string message = "too many replies are under way: read them first";
    send_counted({peer, ErrorReply{ErrorCode::kUnavailable, message}, {}});
  }

  /// Work is queued for commit, unless everything is being discarded just now: then the outcome
  /// that says so is on its way, and takes this work with it.
  void hand_over() {
    for (Work& work : ingest_.take_work()) pending_.push_back(std::move(work));
    for (Work& work : consumers_.take_work()) pending_.push_back(std::move(work));
    if (!commits_.queue().push(pending_)) {
      CommitOutcome discarded;
      Committer::discard(pending_, "the log is full", discarded);
      pending_.clear();
      for (const Outgoing& answer : discarded.answers) send(answer);
    } else if (!commit_at_once()) {
      commits_.queue().wake();
    }
  }

  /// Not while somebody is being served from the log: then it is the commit thread's.
  bool commit_at_once() {
    return !fetches_.busy() && commits_.commit_at_once([this] {
      take_outcomes();
      flush_outgoing();
    });
  }

  void take_outcomes() {
    for (const CommitOutcome& outcome : commits_.take_outcomes()) {
      if (outcome.full != full_) {
        full_ = outcome.full;
        if (full_) spdlog::error("full: {}; publishers hold what they have", outcome.full_message);
        if (!full_) spdlog::info("no longer full");
      }
      // What was handed over since the queue was closed is refused above; from here on it follows
      // on what is committed.
      ingest_.on_outcome(outcome);
      consumers_.on_outcome(outcome);
      for (const Outgoing& answer : outcome.answers) send(answer);
      if (outcome.full) commits_.queue().reopen();
    }
  }

  void flush_outgoing() {
    for (const Outgoing& message : ingest_.take_outgoing()) send(message);
    for (Outgoing& message : consumers_.take_outgoing()) send_counted(std::move(message));
  }

  /// Of those who do not count what they refuse themselves.
  void send_counted(Outgoing message) {
    if (const auto* refused = std::get_if<ErrorReply>(&message.reply))
      ingest_.count_refused(to_string(refused->code));
    send(std::move(message));
  }

  /// A peer that is gone or does not read loses the message: it asks again, or its window is
  /// resent.
  void send(Outgoing message) {
    struct Held {
      std::string bytes;
      std::shared_ptr<const void> slot;
    };
    const auto frame = [&](std::string bytes) {
      const auto held = std::make_shared<Held>(Held{std::move(bytes), message.slot});
      return Message(std::shared_ptr<const std::string>(held, &held->bytes));
    };
    std::vector<Message> frames;
    frames.push_back(frame(encode({message.peer.request, log_.boot()}, message.reply)));
    if (std::holds_alternative<Batches>(message.reply) ||
        std::holds_alternative<Records>(message.reply))
      frames.push_back(frame(std::move(message.batches)));
    if (control_.send(message.peer, std::move(frames)) != SendResult::kSent)
      ingest_.count_refused("unsendable");
  }

  // fetch thread

  /// With the others at work, it gets the least of what there is: a consumer that catches up costs
  /// publishers less than it could take. With nobody else it has all.
  void fetch_loop() {
    be_nice(kFetchNiceness);
    while (auto request = fetches_.take()) {
      auto reply =
          std::visit([&](const auto& body) { return serve(request->peer, body); }, request->body);
      if (!reply) return failure_.set(reply.error());
      fetches_.done(std::move(*request), std::move(*reply));
    }
  }
  Result<Outgoing> serve(const Peer& peer, const Fetch& request) {
    return serve_fetch(log_, peer, request, fetches_.reply_bytes_max());
  }
  Result<Outgoing> serve(const Peer& peer, const RecordsRequest&) {
    return serve_records(log_, peer);
  }
  Result<Outgoing> serve(const Peer& peer, const Find& request) {
    return serve_find(log_, peer, request);
  }

  // scrub thread

  void scrub_loop(const std::stop_token& stop) {
    be_nice(kScrubNiceness);
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock hold(mutex);
    milliseconds pause = kScrubStepInterval;
    while (!never.wait_for(hold, stop, pause, [&] { return stop.stop_requested(); })) {
      const auto more = scrubber_.step(limits::kScrubStepBytes);
      if (!more) spdlog::warn("cannot look for damage: {}", more.error().message);
      pause = more && *more ? kScrubStepInterval : kScrubPassInterval;
    }
  }

  const SidecarOptions& options_;
  SystemClock clock_;
  Log& log_;
  Holds holds_;
  Ingest ingest_;
  Consumers consumers_;
  Context context_;
  std::unique_ptr<Gatekeeper> gate_;
  DoorConnections connections_;
  Socket pull_;
  ControlDoors control_;
  BroadcastDoors broadcast_;
  std::vector<Work> pending_;
  bool full_ = false;

  Failure failure_;
  BroadcastThread broadcasts_;
  CommitThread commits_;
  FetchQueue fetches_;
  Scrubber scrubber_;
  SelfLook look_;
  std::optional<Watch> watch_;
};

}  // namespace

Result<void> run_sidecar(const SidecarOptions& options, StopSignals& signals) {
  Log::Options log_options{options.state_dir, {}, options.disk_max};
  for (const Stream& stream : options.streams) log_options.streams.push_back(stream.name);
  auto log = Log::open(std::move(log_options));
  if (!log) return fail(log.error());
  auto producers = (*log)->snapshot().producers();
  if (!producers) return fail(producers.error());
  auto consumers = (*log)->snapshot().consumers();
  if (!consumers) return fail(consumers.error());
  Service service(options, **log, *producers, *consumers);
  if (auto bound = service.bind(); !bound) return bound;
  for (std::size_t i = 0; i < (*log)->stream_count(); ++i) {
    const StreamRecord& stream = (*log)->stream({i});
    spdlog::info("stream {}: head {}, oldest {}", (*log)->stream_name({i}), stream.head().value,
                 stream.oldest.value);
  }
  signals.set_ready("serving");
  spdlog::info("serving, boot {}", (*log)->boot().hex());
  return service.serve(signals);
}

}  // namespace forebay
