#include "sidecar/fetch_queue.h"

#include <catch2/catch.hpp>
#include <vector>

namespace forebay {
namespace {

TEST_CASE("RepliesGetShorterTheMoreBytesAreUnderWay") {
  FetchQueue queue;
  CHECK(queue.reply_bytes_max() == limits::kFetchReplyBytesMax);
  std::vector<std::shared_ptr<FetchQueue::Slot>> slots;
  std::size_t under_way = 0;
  std::size_t before = queue.reply_bytes_max();
  for (int peer = 0; peer < 200; ++peer) {
    slots.push_back(queue.take_slot("peer " + std::to_string(peer)));
    const std::size_t bytes = queue.reply_bytes_max();
    CHECK(bytes <= before);
    CHECK((bytes == limits::kFetchReplyBytesMin ||
           under_way + bytes <= limits::kFetchRepliesBytesTarget));
    slots.back()->hold_bytes(bytes);
    under_way += bytes;
    before = bytes;
  }
  CHECK(before == limits::kFetchReplyBytesMin);
  CHECK(under_way <= limits::kFetchRepliesBytesTarget + 200 * limits::kFetchReplyBytesMin);
  slots.clear();
  CHECK(queue.reply_bytes_max() == limits::kFetchReplyBytesMax);
}

TEST_CASE("WhoeverOnlyAsksLeavesRepliesLong") {
  FetchQueue queue;
  std::vector<std::shared_ptr<FetchQueue::Slot>> slots;
  for (int peer = 0; peer < 1000; ++peer)
    slots.push_back(queue.take_slot("peer " + std::to_string(peer)));
  CHECK(queue.reply_bytes_max() == limits::kFetchReplyBytesMax);
}

TEST_CASE("APeerThatDoesNotReadIsRefusedWhatOthersGet") {
  FetchQueue queue;
  std::vector<std::shared_ptr<FetchQueue::Slot>> slots;
  while (auto slot = queue.take_slot("lazy")) slots.push_back(std::move(slot));
  CHECK(slots.size() == limits::kFetchesInFlightPerPeerMax + 1);
  CHECK(queue.take_slot("other") != nullptr);
  slots.pop_back();
  CHECK(queue.take_slot("lazy") != nullptr);
}

TEST_CASE("AUsersConnectionsHaveTogetherWhatOnePeerHas") {
  FetchQueue queue;
  std::uint64_t asked = 0;
  const auto ask = [&](const std::string& route, const std::string& user) {
    return queue.push({{route, ++asked, user}, RecordsRequest{}});
  };
  while (ask("route 1", "alice")) REQUIRE(asked < limits::kFetchQueueMax);
  CHECK(asked == limits::kFetchesInFlightPerPeerMax + 2);
  CHECK_FALSE(ask("route 2", "alice"));
  CHECK(ask("route 3", "bob"));
  // Beside the sidecar nobody has a user, and each connection counts by itself.
  CHECK(ask("route 4", ""));
  CHECK(ask("route 5", ""));
}

TEST_CASE("MoreThanTheQueueHoldsIsRefused") {
  FetchQueue queue;
  const auto ask = [&](std::size_t i) {
    return queue.push({{"peer " + std::to_string(i), i}, RecordsRequest{}});
  };
  for (std::size_t i = 0; i < limits::kFetchQueueMax; ++i) REQUIRE(ask(i));
  CHECK_FALSE(ask(limits::kFetchQueueMax));
  CHECK(queue.take());
  CHECK(ask(limits::kFetchQueueMax));
}

}  // namespace
}  // namespace forebay
