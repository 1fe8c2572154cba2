// Ingest: checks what publishers send, keeps their chains and epochs, and queues what follows for
// commit (the rules: docs/protocol.md section 4). One thread alone calls it. It knows no sockets:
// frames go in, work and messages come out, and time is a parameter, so that a simulation can drive
// it.
//
// Each producer has two states here: as *ingested*, which batches and registrations change at once,
// and as *committed*, which outcomes change. Between the two lies exactly what is queued; if that
// is discarded (full), the first goes back to the second.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/wire/beacon.h"
#include "sidecar/holds.h"
#include "sidecar/work.h"

namespace forebay {

/// Refusals by reason since start, for status and metrics.
struct IngestCounters {
  std::uint64_t batches = 0;
  std::uint64_t events = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t resends_asked = 0;
  std::map<std::string, std::uint64_t, std::less<>> refused;
};

class Ingest {
 public:
  struct StreamInfo {
    std::string name;
    Incarnation incarnation;
  };

  /// `clock` and `holds` outlive it. `producers`: as found in the log.
  Ingest(const Clock& clock, const Holds& holds, std::vector<StreamInfo> streams,
         const std::vector<std::pair<ProducerId, ProducerRecord>>& producers);

  // input
  void on_batch(Message frame);
  void on_register(const Peer& peer, const Register& request);
  void on_keepalive(const Peer& peer, const Keepalive& request);
  void on_goodbye(const Goodbye& request);
  /// Refused while the producer is there.
  void on_forget(const Peer& peer, const ForgetProducer& request);
  /// Takes positions and registrations; also the discarding of everything queued, if the outcome is
  /// full.
  void on_outcome(const CommitOutcome& outcome);
  /// Counts a refusal that was found elsewhere on the same sockets.
  void count_refused(std::string_view reason);

  // output
  /// What is to be committed, in order, since the last call.
  [[nodiscard]] std::vector<Work> take_work() { return std::exchange(work_, {}); }
  /// Messages to send since the last call.
  [[nodiscard]] std::vector<Outgoing> take_outgoing() { return std::exchange(outgoing_, {}); }

  [[nodiscard]] const IngestCounters& counters() const { return counters_; }

  struct ProducerStatus {
    ProducerId id;
    std::string stream;
    std::string name;
    Epoch epoch;
    ProducerSequence position;
    std::chrono::milliseconds silent;
    bool departed;
  };
  [[nodiscard]] std::vector<ProducerStatus> producers() const;

  /// When each producer that ought to be heard was heard last, by stream: those that said no
  /// goodbye, those without a name only until they were silent for limits::kAnonymousSilenceMax.
  [[nodiscard]] std::vector<std::vector<std::pair<ProducerId, MonoTime>>> liveness() const;

 private:
  struct Producer {
    StreamIndex stream;
    std::string name;
    std::uint64_t fingerprint = 0;
    std::string key;  // in by_key_
    // As ingested.
    Epoch epoch;
    InstanceId instance;
    ProducerSequence start;
    ProducerSequence ingested;
    bool departed = false;
    bool forgetting = false;  // for everybody else it is not known any more
    // As committed.
    bool stored = false;
    Epoch stored_epoch;
    InstanceId stored_instance;
    ProducerSequence stored_start;
    ProducerSequence committed;
    Sequence sequence;

    std::string route;  // where acknowledgements go; empty: not heard from yet
    MonoTime heard{};
    bool resend_asked = false;
  };

  using Producers = std::unordered_map<std::uint64_t, Producer>;

  static std::string key_of(StreamIndex stream, const std::string& name, std::uint64_t fingerprint,
                            const InstanceId& instance);
  Producer* find(ProducerId id);
  Producer* find(const ProducerRef& ref);
  Producers::iterator erase(Producers::iterator producer);
  void take(ProducerId id, Producer& producer, StreamIndex stream, const BatchHeader& header,
            Message frame);
  void refuse(const BatchHeader& header, const Producer* producer, ErrorCode code,
              std::string message);
  void acknowledge(ProducerId id, const Producer& producer, Sequence first);
  void send(const Producer& producer, Reply reply);
  void discard_queued(const std::string& message);
  void forget_idlest_anonymous();

  const Clock& clock_;
  const Holds& holds_;
  std::vector<StreamInfo> streams_;
  std::unordered_map<Incarnation, StreamIndex, RandomIdHash> by_incarnation_;
  Producers producers_;
  std::unordered_map<std::string, ProducerId> by_key_;
  std::size_t anonymous_ = 0;
  std::vector<Work> work_;
  std::vector<Outgoing> outgoing_;
  IngestCounters counters_;
};

}  // namespace forebay
