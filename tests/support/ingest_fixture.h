// Ingest, and in place of a committer the outcomes of what it queued.
#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/ingest.h"
#include "tests/support/made_batches.h"
#include "tests/support/manual_clock.h"

namespace forebay::test {

inline const Incarnation kIncarnation = id_of<Incarnation>('A');
inline const Incarnation kOtherIncarnation = id_of<Incarnation>('B');
inline const InstanceId kMine = id_of<InstanceId>('1');
inline const InstanceId kTheirs = id_of<InstanceId>('2');
inline const Peer kPeer{"route", 5};

struct IngestFixture {
  ManualClock clock;
  Holds holds{2};
  Ingest ingest{clock, holds, {{"a", kIncarnation}, {"b", kOtherIncarnation}}, {}};
  Sequence head;
  std::map<ProducerId, ProducerRecord> stored;

  /// Commits everything queued, as Committer does, and returns the answers to registrations.
  std::vector<Registered> commit() {
    CommitOutcome outcome;
    std::vector<Registered> answers;
    std::map<ProducerId, Sequence> first;
    for (Work& work : ingest.take_work()) {
      if (const auto* batch = std::get_if<BatchWork>(&work)) {
        ProducerRecord& record = stored[batch->origin.producer];
        CHECK(record.position == batch->origin.previous);
        first.try_emplace(batch->origin.producer, head + 1);
        head = head + parse_batch_header(batch->message.view())->count;
        record.position = batch->origin.last;
        record.sequence = head;
      } else if (const auto* registration = std::get_if<RegisterWork>(&work)) {
        ProducerRecord& record = stored[registration->id];
        if (record.instance != registration->instance) record.start = record.position;
        record.instance = registration->instance;
        record.epoch = registration->epoch;
        outcome.registered.emplace_back(registration->id, record);
        answers.push_back({"a", kIncarnation, registration->id, record.epoch, record.start,
                           record.position, record.sequence});
      } else if (const auto* departure = std::get_if<DepartWork>(&work)) {
        stored.erase(departure->id);
      } else if (const auto* forgotten = std::get_if<ForgetProducerWork>(&work)) {
        stored.erase(forgotten->id);
        outcome.forgotten_producers.push_back(forgotten->id);
      }
    }
    for (const auto& [id, at] : first) {
      outcome.positions.push_back({id, stored[id].position, stored[id].sequence, at});
    }
    ingest.on_outcome(outcome);
    return answers;
  }
  Registered registered(const InstanceId& instance = kMine, const std::string& name = "wms") {
    ingest.on_register(kPeer, {"a", instance, name, 0, {}});
    return commit().front();
  }
  void send(const Registered& as, std::uint64_t previous, std::uint64_t last,
            Incarnation incarnation = kIncarnation) {
    ingest.on_batch(Message(
        std::string_view(make_batch({incarnation, as.producer, as.epoch, {previous}, {last}}))));
  }
  template <class Reply>
  std::optional<Reply> only() {
    auto outgoing = ingest.take_outgoing();
    if (outgoing.size() != 1 || !std::holds_alternative<Reply>(outgoing[0].reply))
      return std::nullopt;
    return std::get<Reply>(outgoing[0].reply);
  }
  /// The code of the only message there is, if it is a refusal.
  std::optional<ErrorCode> refusal() {
    const auto error = only<ErrorReply>();
    return error ? std::optional(error->code) : std::nullopt;
  }
  bool silent() { return ingest.take_outgoing().empty(); }
  std::size_t queued() { return ingest.take_work().size(); }
};

}  // namespace forebay::test
