#include "common/client/range_reader.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "common/base/limits.h"

namespace forebay {
namespace {

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

tl::unexpected<Error> unexpected_answer(const std::string& endpoint, const std::string& what) {
  return fail(ErrorCode::kCorruption, "the sidecar at " + endpoint + " " + what);
}

}  // namespace

RangeReader::RangeReader(ControlClient& client, Range range)
    : client_(client), range_(std::move(range)), next_(range_.from) {
  FOREBAY_INVARIANT(next_.value >= 1);
}

Result<std::optional<RangeReader::Piece>> RangeReader::next(std::chrono::milliseconds timeout) {
  if (done()) return std::nullopt;
  if (rest_.empty() && !missing_) {
    if (auto fetched = fetch(timeout); !fetched) return fail(fetched.error());
  }
  if (missing_) {
    const auto [end, reason] = std::move(*missing_);
    missing_.reset();
    return take_missing(end, reason, 0);
  }
  if (rest_.empty()) return std::nullopt;
  return take_batch();
}

Result<void> RangeReader::fetch(std::chrono::milliseconds timeout) {
  const Fetch request{range_.stream, range_.incarnation, next_, range_.to, fetch_bytes_, checksum_};
  const auto asked = std::chrono::steady_clock::now();
  auto answer = client_.request(request, timeout);
  fetch_bytes_ = std::chrono::steady_clock::now() - asked < timeout / 4
                     ? std::min(2 * fetch_bytes_, std::uint64_t{limits::kFetchReplyBytesMax})
                     : std::uint64_t{limits::kFetchReplyBytesMin};
  if (!answer) return fail(answer.error());
  if (const auto* diverged = std::get_if<Diverged>(&answer->body)) {
    return fail(ErrorCode::kDiverged, "stream " + range_.stream + ": " + diverged->message);
  }
  const auto agrees = [&](const Incarnation& incarnation) {
    if (range_.incarnation.none()) range_.incarnation = incarnation;
    return incarnation == range_.incarnation;
  };
  if (const auto* trimmed = std::get_if<Trimmed>(&answer->body)) {
    if (!agrees(trimmed->incarnation) || trimmed->oldest <= next_) {
      return unexpected_answer(client_.endpoint(), "says trimmed, but not where");
    }
    head_ = trimmed->head;
    missing_.emplace(trimmed->oldest, "trimmed");
    return {};
  }
  if (const auto* corrupt = std::get_if<Corrupt>(&answer->body)) {
    const std::uint64_t room = std::numeric_limits<std::uint64_t>::max() - corrupt->first.value;
    if (!agrees(corrupt->incarnation) || corrupt->first > next_ || corrupt->count > room ||
        corrupt->first + corrupt->count <= next_) {
      return unexpected_answer(client_.endpoint(), "says corrupt, but not where");
    }
    missing_.emplace(corrupt->first + corrupt->count, "corrupt");
    return {};
  }
  const auto* batches = std::get_if<Batches>(&answer->body);
  if (batches == nullptr || !answer->payload || !agrees(batches->incarnation)) {
    return unexpected_answer(client_.endpoint(), "answers a fetch with something else");
  }
  head_ = batches->head;
  owner_ = answer->payload;
  rest_ = owner_->view();
  return {};
}

Result<std::optional<RangeReader::Piece>> RangeReader::take_batch() {
  const auto refuse = [&](const std::string& what) {
    rest_ = {};
    return unexpected_answer(client_.endpoint(), "sent " + what);
  };
  const auto header = parse_batch_header(rest_);
  if (!header) return refuse("no batch: " + header.error().message);
  const std::size_t size = batch_bytes(*header);
  if (size > rest_.size()) return refuse("a batch that is cut off");
  const auto batch = BatchView::parse(rest_.substr(0, size));
  if (!batch) return refuse("a bad batch: " + batch.error().message);
  if (header->origin.incarnation != range_.incarnation || header->first() > next_ ||
      header->next() <= next_) {
    return refuse("a batch that does not hold sequence " + std::to_string(next_.value));
  }
  const bool overlaps = header->first() < next_;
  if (checksum_ != 0 &&
      checksum_ != (overlaps ? header->checksum : header->place.previous_checksum)) {
    rest_ = {};
    return fail(ErrorCode::kDiverged, "stream " + range_.stream + ": the batch at " +
                                          std::to_string(header->first().value) +
                                          " does not continue the log that was read so far");
  }
  rest_.remove_prefix(size);
  if (header->kind == BatchKind::kGap) {
    return take_missing(header->next(), batch->gap_reason(), header->checksum);
  }
  const Sequence end = range_.to.value == 0 ? header->next() : std::min(header->next(), range_.to);
  const std::uint64_t skip = next_.value - header->first().value;
  const std::uint64_t count = end.value - next_.value;
  next_ = end;
  checksum_ = header->checksum;
  return Piece(Events{owner_, *batch, skip, count});
}

std::optional<RangeReader::Piece> RangeReader::take_missing(Sequence end, std::string reason,
                                                            std::uint64_t checksum) {
  if (range_.to.value != 0) end = std::min(end, range_.to);
  const Sequence first = std::exchange(next_, end);
  checksum_ = checksum;
  return Piece(Missing{first, end.value - first.value, std::move(reason), checksum != 0});
}

Result<ResolvedPosition> resolve_position(ControlClient& client, const std::string& stream,
                                          std::string_view text,
                                          std::chrono::milliseconds timeout) {
  const auto sequence = number(text);
  const auto token = Position::from_token(text);
  const auto time = from_rfc3339(text);
  if (text != "start" && text != "end" && !sequence && !token && !time) {
    return fail(ErrorCode::kBadInput,
                "'" + std::string(text.substr(0, 80)) +
                    "' is no position: expected start, end, a sequence, a token "
                    "(incarnation:sequence) or a time such as 2026-03-01T09:30:00Z");
  }
  const auto answer = client.request(Find{stream, time ? unix_ns(*time) : 0}, timeout);
  if (!answer) return fail(answer.error());
  const auto* found = std::get_if<Found>(&answer->body);
  if (found == nullptr) return unexpected_answer(client.endpoint(), "does not answer a find");
  ResolvedPosition resolved{found->incarnation, found->sequence, found->head, found->oldest};
  if (text == "start") resolved.sequence = found->oldest;
  if (text == "end") resolved.sequence = found->head + 1;
  if (sequence) resolved.sequence = Sequence{*sequence};
  if (token) {
    if (token->incarnation != found->incarnation) {
      return fail(ErrorCode::kDiverged, "the token is of another incarnation of stream " + stream +
                                            ", which is now " + found->incarnation.hex());
    }
    resolved.sequence = token->sequence;
  }
  if (resolved.sequence.value == 0 || resolved.sequence > found->head + 1) {
    return fail(ErrorCode::kBadInput, "stream " + stream + " has no sequence " +
                                          std::to_string(resolved.sequence.value) +
                                          ": sequences begin at 1 and the last one is " +
                                          std::to_string(found->head.value));
  }
  return resolved;
}

}  // namespace forebay
