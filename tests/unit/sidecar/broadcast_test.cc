#include "sidecar/broadcast.h"

#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "tests/support/made_batches.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MonoTime kStart{std::chrono::hours(1)};

std::vector<StreamRecord> records(std::size_t count) {
  std::vector<StreamRecord> all(count);
  for (StreamRecord& record : all) record.next = {11};
  return all;
}
CommittedBatch committed(std::size_t stream, std::uint64_t base) {
  CommittedBatch batch{{stream}, {}, Message()};
  batch.header.place.base = {base};
  batch.header.count = 3;
  batch.header.checksum = 99;
  return batch;
}

TEST_CASE("TheFirstBeaconNamesTheCommittedHead") {
  BeaconSchedule schedule(test::id_of<BootId>('b'), records(1), kStart);
  const auto due = schedule.take_due(kStart);
  REQUIRE(due.size() == 1);
  CHECK(due[0].second.head == Sequence{10});
  CHECK(due[0].second.boot == test::id_of<BootId>('b'));
  CHECK(schedule.take_due(kStart).empty());
}

TEST_CASE("ABeaconNeverNamesMoreThanWasBroadcast") {
  BeaconSchedule schedule({}, records(1), kStart);
  static_cast<void>(schedule.take_due(kStart));
  schedule.on_broadcast(committed(0, 11), kStart);
  const auto due = schedule.take_due(kStart + limits::kBeaconInterval);
  REQUIRE(due.size() == 1);
  CHECK(due[0].second.head == Sequence{13});
  CHECK(due[0].second.head_checksum == 99);
}

TEST_CASE("AMovingStreamsNextBeaconComesWithinThePromiseAndAnIdleOnesIsRarer") {
  BeaconSchedule schedule({}, records(1), kStart);
  MonoTime now = kStart;
  CHECK(schedule.take_due(now)[0].second.next_due > limits::kBeaconPromise);
  schedule.on_broadcast(committed(0, 11), now);
  const auto first = schedule.next_due();
  CHECK(first - now <= limits::kBeaconPromise);
  const auto beacon = schedule.take_due(first).at(0).second;
  CHECK(beacon.next_due <= limits::kBeaconPromise);
  CHECK(schedule.next_due() <= first + beacon.next_due);
  now += seconds(10);
  CHECK(schedule.take_due(now)[0].second.next_due > limits::kBeaconPromise);
}

TEST_CASE("TheBeaconsOfManyStreamsAreSpreadOverTheInterval") {
  BeaconSchedule schedule({}, records(10), kStart);
  CHECK(schedule.take_due(kStart).size() == 10);
  for (int i = 1; i <= 10; ++i)
    CHECK(schedule.take_due(kStart + i * limits::kBeaconIdleInterval / 10).size() == 1);
}

TEST_CASE("LivenessNamesTheMostSilentFirstAndNoMoreThanItsLimit") {
  BeaconSchedule schedule({}, records(1), kStart);
  Liveness liveness(1);
  for (std::uint64_t i = 1; i <= limits::kBeaconProducersMax + 5; ++i)
    liveness[0].emplace_back(ProducerId{i}, kStart - milliseconds(i));
  schedule.on_liveness(liveness);
  const auto beacon = schedule.take_due(kStart).at(0).second;
  REQUIRE(beacon.producers.size() == limits::kBeaconProducersMax);
  CHECK(beacon.producers[0].producer == ProducerId{limits::kBeaconProducersMax + 5});
  CHECK(beacon.producers[0].silent == milliseconds(limits::kBeaconProducersMax + 5));
}

}  // namespace
}  // namespace forebay
