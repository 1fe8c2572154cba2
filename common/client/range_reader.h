// Reads a range of a stream by fetches, each batch checked and chained to the one before; what the
// log no longer has comes as a value of its own. For tail, replay and rebuild; it registers nothing
// and moves no cursor.
//
//   RangeReader reader(client, {.stream = "inventory", .from = Sequence{1}});
//   while (true) {
//     auto piece = reader.next(limits::kRequestTimeout);
//     if (!piece) return fail(piece.error());   // kDiverged, kTimeout (may be tried again), …
//     if (!*piece) break;                       // the end of the range, or the head for now
//     if (auto* events = std::get_if<RangeReader::Events>(&**piece)) …
//   }
//
// For one thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/limits.h"
#include "common/client/control_client.h"
#include "common/event/batch.h"

namespace forebay {

class RangeReader {
 public:
  struct Range {
    std::string stream;
    Sequence from;            // the first wanted, ≥ 1
    Sequence to = {};         // exclusive; 0: no end
    Incarnation incarnation;  // none: that of the first answer
  };

  /// Events from..: the batch's events number skip to skip + count - 1.
  struct Events {
    std::shared_ptr<const Message> owner;  // keeps the bytes of `batch`
    BatchView batch;
    std::uint64_t skip;   // events at the front that lie before the range
    std::uint64_t count;  // events wanted of it
  };
  /// Sequences of the range that the log does not have.
  struct Missing {
    Sequence first;
    std::uint64_t count;
    std::string reason;     // "trimmed", "corrupt" or what a gap record says
    bool recorded = false;  // by a gap record
  };
  using Piece = std::variant<Events, Missing>;

  /// `client` outlives it.
  RangeReader(ControlClient& client, Range range);

  /// The next piece, in order and without a hole between two. nullopt: the range is read, or the
  /// head reached (a range without end may be asked again later). kTimeout of an answer leaves
  /// everything as it was; kDiverged: the log is not the one read so far; kCorruption: an answer
  /// that cannot be.
  [[nodiscard]] Result<std::optional<Piece>> next(std::chrono::milliseconds timeout);

  /// The sequence the next piece begins with.
  [[nodiscard]] Sequence position() const { return next_; }
  [[nodiscard]] const Incarnation& incarnation() const { return range_.incarnation; }
  /// As the last answer said; 0 before.
  [[nodiscard]] Sequence head() const { return head_; }

 private:
  [[nodiscard]] Result<void> fetch(std::chrono::milliseconds timeout);
  [[nodiscard]] Result<std::optional<Piece>> take_batch();
  [[nodiscard]] std::optional<Piece> take_missing(Sequence end, std::string reason,
                                                  std::uint64_t checksum);
  [[nodiscard]] bool done() const { return range_.to.value != 0 && next_ >= range_.to; }

  ControlClient& client_;
  Range range_;
  Sequence next_;
  Sequence head_;
  std::uint64_t checksum_ = 0;  // of the batch that holds next_ - 1; 0: unknown
  // How much is asked for: little first and more as long as it comes at once, since the link may be
  // slow.
  std::uint64_t fetch_bytes_ = limits::kFetchReplyBytesMin;

  // The answer being taken apart.
  std::shared_ptr<const Message> owner_;
  std::string_view rest_;
  std::optional<std::pair<Sequence, std::string>> missing_;  // up to (exclusive), why
};

/// Where a position text leads in a stream as it is now.
struct ResolvedPosition {
  Incarnation incarnation;
  Sequence sequence;  // of an event, or head + 1
  Sequence head;
  Sequence oldest;  // head + 1 if nothing is held
};

/// "start" (the oldest held), "end" (after the head), a sequence, a token
/// `<incarnation>:<sequence>`, or an RFC 3339 time (the first batch committed at or after it).
/// kBadInput for any other text and for a sequence past the end; kDiverged for a token of another
/// incarnation; the errors of ControlClient::request.
[[nodiscard]] Result<ResolvedPosition> resolve_position(ControlClient& client,
                                                        const std::string& stream,
                                                        std::string_view text,
                                                        std::chrono::milliseconds timeout);

}  // namespace forebay
