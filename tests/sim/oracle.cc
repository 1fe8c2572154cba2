#include "tests/sim/oracle.h"

#include "common/event/event_codec.h"

namespace forebay::sim {

void Oracle::observe(const Log& log) {
  const Log::Snapshot snapshot = log.snapshot();
  const auto record = snapshot.stream({0});
  expect(record.has_value(), "the stream's record cannot be read");
  expect(record->head() >= head(), "the log lost its end");
  if (record->head() == head()) return;
  const auto scanned = snapshot.scan({0}, head() + 1, [&](const Log::Snapshot::Stored& stored) {
    expect(stored.batch.has_value(), "damage in the log: " + stored.damage);
    const BatchHeader& header = stored.batch->header();
    expect(header.first() == head() + 1, "the log is not dense at " +
                                             std::to_string(header.first().value) + " after " +
                                             std::to_string(head().value));
    expect(header.place.previous_checksum == last_checksum_, "the chain of checksums is broken");
    expect(header.place.commit_time >= last_time_, "commit times go backwards");
    last_checksum_ = header.checksum;
    last_time_ = header.place.commit_time;
    EventRecords events = stored.batch->events();
    while (const auto encoded = events.next()) {
      const auto event = decode_event(*encoded, stored.batch->shared());
      expect(event.has_value(), "an event cannot be read");
      add(std::string(event->subject));
    }
    return true;
  });
  expect(scanned.has_value(), "the log cannot be read");
  expect(record->head() == head(), "the log ends before its head");
}

void Oracle::add(const std::string& subject) {
  const std::size_t split = subject.find('#');
  const std::string who = subject.substr(0, split);
  const std::uint64_t k = std::stoull(subject.substr(split + 1));
  std::uint64_t& expected = committed_[who];
  expect(k == expected, "the log has " + subject + " where " + Oracle::subject(who, expected) +
                            " belongs: " + (k < expected ? "doubled" : "lost or out of order"));
  ++expected;
  subjects_.push_back(subject);
}

const std::string& Oracle::at(Sequence sequence) const {
  expect(sequence.value >= 1 && sequence <= head(),
         "sequence " + std::to_string(sequence.value) + " was seen before it was committed");
  return subjects_[sequence.value - 1];
}

std::uint64_t Oracle::committed(const std::string& who) const {
  const auto found = committed_.find(who);
  return found == committed_.end() ? 0 : found->second;
}

}  // namespace forebay::sim
