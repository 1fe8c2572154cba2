// A subscription driven by hand, over a log that is a list of batches.
#pragma once

#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "common/client/subscription.h"
#include "tests/support/made_batches.h"

namespace forebay::test {

using std::chrono::milliseconds;
using State = Subscription::State;

const Incarnation kIncarnation = id_of<Incarnation>('A');
const Incarnation kOther = id_of<Incarnation>('B');
const BootId kBoot = id_of<BootId>('b');
const BootId kNextBoot = id_of<BootId>('c');

/// A log as a list of batches of two events each: batch i holds sequences 2i + 1 and 2i + 2.
struct FakeLog {
  explicit FakeLog(std::string content = "it") : subject(std::move(content)) {}
  const std::string& batch(std::size_t index) {
    while (batches.size() <= index) {
      const auto before = batches.empty() ? 0 : parse_batch_header(batches.back())->checksum;
      const std::uint64_t base = 2 * batches.size() + 1;
      batches.push_back(make_committed({kIncarnation, {7}, {1}, {base - 1}, {base + 1}},
                                       {{base}, {}, before}, 2, subject));
    }
    return batches[index];
  }
  std::uint64_t checksum(std::size_t index) { return parse_batch_header(batch(index))->checksum; }
  std::string range(std::size_t first, std::size_t end) {
    std::string bytes;
    for (std::size_t i = first; i < end; ++i) bytes += batch(i);
    return bytes;
  }
  std::string subject;
  std::vector<std::string> batches;
};

struct Fixture {
  explicit Fixture(std::optional<Cursor> cursor = Cursor{kIncarnation, {0}, 0},
                   SubscriptionStart start = {})
      : subscription("a", "c", cursor, std::move(start)) {}

  std::vector<Request> requests() {
    std::vector<Request> all;
    for (auto& [envelope, request] : subscription.take_requests(now, next_id)) {
      last_id = envelope.id;
      all.push_back(std::move(request));
    }
    return all;
  }
  std::optional<Fetch> fetch() {
    auto all = requests();
    if (all.size() != 1 || !std::holds_alternative<Fetch>(all[0])) return std::nullopt;
    return std::get<Fetch>(all[0]);
  }
  void reply(Reply body, const std::string& batches = {}, const BootId& boot = kBoot) {
    subscription.on_reply({{last_id, boot}, std::move(body)}, Message(std::string_view(batches)),
                          now);
  }
  void subscribed(std::uint64_t head = 0, const BootId& boot = kBoot,
                  const Incarnation& incarnation = kIncarnation, std::uint64_t shared = 0) {
    REQUIRE(requests().size() == 1);
    reply(Subscribed{"a", incarnation, {0}, {head}, {1}, {shared}}, {}, boot);
  }
  /// The reply that holds batches first … end − 1 of a log of `head` batches.
  void batches(std::size_t first, std::size_t end, std::size_t head) {
    reply(Batches{"a", kIncarnation, {2 * end + 1}, end < head, {2 * head}, {1}},
          log.range(first, end));
  }
  void broadcast(const std::string& body) {
    subscription.on_broadcast(Message(std::string_view(body)), now);
  }
  void beacon(std::size_t head, const BootId& boot = kBoot,
              const Incarnation& incarnation = kIncarnation) {
    Beacon beacon;
    beacon.incarnation = incarnation;
    beacon.boot = boot;
    beacon.head = Sequence{2 * head};
    beacon.head_checksum = head == 0 ? 0 : log.checksum(head - 1);
    beacon.next_due = milliseconds(250);
    broadcast(encode_beacon(beacon));
  }
  /// Live after the first `head` batches, all taken.
  void go_live(std::size_t head) {
    subscribed(2 * head);
    REQUIRE(fetch());
    batches(0, head, head);
    taken();
    beacon(head);
    REQUIRE(state() == State::kLive);
  }
  /// What was delivered since the last call: sequences, "-" before lost ones, "start", "diverged".
  std::string taken() {
    std::string text;
    while (const auto delivery = subscription.next_delivery()) {
      if (const auto* events = std::get_if<Subscription::Events>(&*delivery)) {
        const BatchHeader& header = events->batch.header();
        for (auto at = header.first() + events->skip; at < header.next(); at = at + 1)
          text += std::to_string(at.value) + " ";
      } else if (const auto* missing = std::get_if<Subscription::Missing>(&*delivery)) {
        text += "-" + std::to_string(missing->first.value) + "+" + std::to_string(missing->count) +
                ":" + missing->reason + " ";
      } else if (const auto* started = std::get_if<Subscription::Started>(&*delivery)) {
        text += "start" + std::to_string(started->cursor.sequence.value) + " ";
      } else {
        text += "diverged ";
      }
    }
    return text;
  }
  State state() const { return subscription.state(); }

  FakeLog log;
  Subscription subscription;
  MonoTime now{std::chrono::hours(1)};
  std::uint64_t next_id = 1;
  std::uint64_t last_id = 0;
};

// start

}  // namespace forebay::test
