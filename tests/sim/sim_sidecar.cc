#include "tests/sim/sim_sidecar.h"

#include <algorithm>

#include "common/base/limits.h"
#include "sidecar/fetch.h"

namespace forebay::sim {
namespace {

constexpr std::uint64_t kFileBytesMax = 48 << 20;  // a file on tmpfs is made of memory

template <class T>
T sound(Result<T> result) {
  if (!result) throw Failure(result.error().message);
  return std::move(*result);
}

struct News {
  std::vector<CommittedBatch> batches;
  std::vector<TrimmedStream> trimmed;
};

}  // namespace

/// From one start to the next crash.
struct SimSidecar::Run {
  Run(SimSidecar& owner, std::unique_ptr<Log> opened)
      : sidecar(owner),
        log(std::move(opened)),
        ingest(owner.clock_, holds, {{kStream, log->stream({0}).incarnation}},
               sound(log->snapshot().producers())),
        consumers(owner.clock_, holds, {{kStream, log->stream({0})}},
                  sound(log->snapshot().consumers())),
        trimmer(std::in_place, *log, owner.clock_, holds, policies()),
        committer(*log, owner.clock_, holds, *trimmer),
        beacons(log->boot(), {log->stream({0})}, owner.clock_.mono()),
        outcomes(owner.random_),
        news(owner.random_),
        fetches(owner.random_) {}

  MonoTime now() const { return sidecar.clock_.mono(); }
  std::vector<RetentionPolicy> policies() const { return {sidecar.retention_}; }

  // ingest thread

  void take_outcomes() {
    while (auto outcome = outcomes.receive(now())) {
      ingest.on_outcome(*outcome);
      consumers.on_outcome(*outcome);
      for (const Outgoing& answer : outcome->answers) send(answer);
      if (outcome->full) queue.reopen();
    }
  }

  void take_requests(Connection& connection) {
    while (const auto bytes = connection.requests.receive(now())) {
      const auto request = sound(decode_request(*bytes));
      const Peer peer{connection.route, request.envelope.id};
      std::visit([&](const auto& body) { on_request(peer, body); }, request.body);
    }
    while (const auto batch = connection.batches.receive(now())) {
      ingest.on_batch(Message(std::string_view(*batch)));
    }
  }
  void on_request(const Peer& peer, const Register& request) { ingest.on_register(peer, request); }
  void on_request(const Peer& peer, const Keepalive& request) {
    ingest.on_keepalive(peer, request);
  }
  void on_request(const Peer&, const Goodbye& request) { ingest.on_goodbye(request); }
  void on_request(const Peer& peer, const Subscribe& request) {
    consumers.on_subscribe(peer, request);
  }
  void on_request(const Peer& peer, const CursorReport& report) {
    FOREBAY_INVARIANT(consumers.on_cursor(peer, report));
  }
  void on_request(const Peer& peer, const Forget& request) { consumers.on_forget(peer, request); }
  void on_request(const Peer& peer, const Fetch& request) { fetches.send({peer, request}, now()); }
  void on_request(const Peer&, const Find&) {}
  void on_request(const Peer&, const StatusRequest&) {}
  void on_request(const Peer&, const RecordsRequest&) {}
  void on_request(const Peer&, const TrustClock&) {}
  void on_request(const Peer&, const ForgetProducer&) {}

  void hand_over() {
    for (Work& work : ingest.take_work()) pending.push_back(std::move(work));
    for (Work& work : consumers.take_work()) pending.push_back(std::move(work));
    if (queue.push(pending)) return;
    CommitOutcome discarded;
    Committer::discard(pending, "the log is full", discarded);
    pending.clear();
    for (const Outgoing& answer : discarded.answers) send(answer);
  }

  void flush_outgoing() {
    for (const Outgoing& message : ingest.take_outgoing()) send(message);
    for (const Outgoing& message : consumers.take_outgoing()) send(message);
  }

  /// A peer whose connection is another by now is unreachable.
  void send(const Outgoing& message) {
    const auto found =
        std::find_if(sidecar.connections_.begin(), sidecar.connections_.end(),
                     [&](const auto& each) { return each->route == message.peer.route; });
    if (found == sidecar.connections_.end() || (*found)->replies.down(now())) return;
    (*found)->replies.send(
        {encode({message.peer.request, log->boot()}, message.reply), message.batches}, now());
  }

  // commit thread

  void commit_step() {
    if (under_way.empty()) {
      under_way = queue.take(limits::kCommitBytesMax, now() >= reports_due);
      if (now() >= reports_due) reports_due = now() + limits::kCursorCommitInterval;
      commit_due = now() + sidecar.random_.ms(1, sidecar.random_.one_in(20) ? 300 : 15);
    }
    if (!under_way.empty() && now() >= commit_due) {
      CommitOutcome outcome;
      if (sidecar.full_) {
        Committer::discard(std::exchange(under_way, {}), "there is no room", outcome);
      } else {
        outcome = sound(committer.commit(std::exchange(under_way, {})));
        sidecar.oracle_.observe(*log);
      }
      if (outcome.full) Committer::discard(queue.close(), outcome.full_message, outcome);
      news.send({std::exchange(outcome.batches, {}), std::exchange(outcome.trimmed, {})}, now());
      outcomes.send(std::move(outcome), now());
    }
    auto trimmed = sound(trimmer->trim());
    if (!trimmed.empty()) news.send({{}, std::move(trimmed)}, now());
  }

  // broadcast thread

  void broadcast_step() {
    beacons.on_liveness(ingest.liveness());
    while (auto each = news.receive(now())) {
      for (CommittedBatch& batch : each->batches) {
        beacons.on_broadcast(batch, now());
        publish(std::string(batch.message.view()));
      }
      for (const auto& [stream, oldest] : each->trimmed) beacons.on_trimmed(stream, oldest);
    }
    for (const auto& [stream, beacon] : beacons.take_due(now())) {
      expect(beacon.head <= sidecar.oracle_.head(), "a beacon names an uncommitted head");
      publish(encode_beacon(beacon));
    }
  }

  void publish(const std::string& body) {
    for (const auto& connection : sidecar.connections_) {
      const bool reached = connection->listens && now() >= connection->deaf_until &&
                           !connection->broadcasts.down(now());
      if (reached) connection->broadcasts.send(body, now());
    }
  }

  void step() {
    take_outcomes();
    while (const auto request = fetches.receive(now())) {
      // As long a reply as there is room for.
      const std::uint64_t bytes_max = sidecar.random_.one_in(2)
                                          ? limits::kFetchReplyBytesMax
                                          : sidecar.random_.between(1, limits::kFetchReplyBytesMin);
      send(sound(serve_fetch(*log, request->first, request->second, bytes_max)));
    }
    for (const auto& connection : sidecar.connections_) take_requests(*connection);
    hand_over();
    flush_outgoing();
    commit_step();
    broadcast_step();
  }

  SimSidecar& sidecar;
  std::unique_ptr<Log> log;
  Holds holds{1};
  Ingest ingest;
  Consumers consumers;
  CommitQueue queue;
  std::optional<Trimmer> trimmer;
  Committer committer;
  BeaconSchedule beacons;
  std::vector<Work> pending;
  std::vector<Work> under_way;
  MonoTime commit_due{};
  MonoTime reports_due{};
  Link<CommitOutcome> outcomes;
  Link<News> news;
  Link<std::pair<Peer, Fetch>> fetches;
};

SimSidecar::SimSidecar(std::string dir, RetentionPolicy retention, const Clock& clock,
                       Random& random, Oracle& oracle,
                       std::vector<std::unique_ptr<Connection>>& connections)
    : dir_(std::move(dir)),
      retention_(retention),
      clock_(clock),
      random_(random),
      oracle_(oracle),
      connections_(connections) {}

SimSidecar::~SimSidecar() = default;

void SimSidecar::stop_trimming() {
  retention_ = {};
  if (run_) run_->trimmer.emplace(*run_->log, clock_, run_->holds, run_->policies());
}

void SimSidecar::start() {
  auto log = sound(Log::open({dir_, {kStream}, kFileBytesMax}));
  oracle_.observe(*log);
  run_ = std::make_unique<Run>(*this, std::move(log));
}

void SimSidecar::crash() {
  if (!run_->under_way.empty() && !full_ && random_.one_in(2)) {
    static_cast<void>(sound(run_->committer.commit(std::exchange(run_->under_way, {}))));
  }
  run_.reset();
}

void SimSidecar::step() {
  if (run_) run_->step();
}

const Log& SimSidecar::log() const { return *run_->log; }

}  // namespace forebay::sim
