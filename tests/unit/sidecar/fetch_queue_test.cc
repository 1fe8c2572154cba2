#include "sidecar/fetch_queue.h"

#include <catch2/catch.hpp>
#include <vector>

namespace forebay {
namespace {

TEST_CASE("AReplyIsAsLongAsItsShareOfWhatAllUnderWayMayTake") {
  FetchQueue queue;
  std::vector<std::shared_ptr<const void>> slots;
  std::size_t before = queue.reply_bytes_max();
  CHECK(before == limits::kFetchReplyBytesMax);
  for (int peer = 0; peer < 200; ++peer) {
    slots.push_back(queue.take_slot("peer " + std::to_string(peer)));
    const std::size_t share = queue.reply_bytes_max();
    CHECK(share <= before);
    CHECK(share >= limits::kFetchReplyBytesMin);
    CHECK((share == limits::kFetchReplyBytesMin ||
           share * slots.size() <= limits::kFetchRepliesBytesTarget));
    before = share;
  }
  CHECK(before == limits::kFetchReplyBytesMin);
  slots.clear();
  CHECK(queue.reply_bytes_max() == limits::kFetchReplyBytesMax);
}

TEST_CASE("APeerThatDoesNotReadIsRefusedWhatOthersGet") {
  FetchQueue queue;
  std::vector<std::shared_ptr<const void>> slots;
  while (auto slot = queue.take_slot("lazy")) slots.push_back(std::move(slot));
  CHECK(slots.size() == limits::kFetchesInFlightPerPeerMax + 1);
  CHECK(queue.take_slot("other") != nullptr);
  slots.pop_back();
  CHECK(queue.take_slot("lazy") != nullptr);
}

}  // namespace
}  // namespace forebay
