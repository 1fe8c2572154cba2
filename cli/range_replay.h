// Reads a range of a stream once more, chooses events of it and hands them on at the pace asked
// for.
#pragma once

#include <cstdint>
#include <string>

#include "cli/selection.h"
#include "common/client/range_reader.h"
#include "common/event/event.h"

namespace forebay {

/// Where replayed events go.
class ReplaySink {
 public:
  struct Item {
    const BatchView& batch;
    std::uint64_t index;  // of the event in its batch
    std::string_view encoded;
    const EventView& event;

    [[nodiscard]] Sequence sequence() const { return batch.header().first() + index; }
  };
  virtual ~ReplaySink() = default;

  [[nodiscard]] virtual Result<void> take(const Item& item) = 0;
  /// Comes before each wait and at the end of each batch, whose bytes go then. Returns how many of
  /// the events taken were refused.
  [[nodiscard]] virtual Result<std::uint64_t> flush() = 0;
};

struct ReplayPace {
  double rate = 0;   // events a second, at most; 0: any
  double times = 0;  // as far apart as they were committed, divided by this; 0: as fast as can be
};

struct ReplaySummary {
  std::uint64_t read = 0;
  std::uint64_t replayed = 0;
  std::uint64_t refused = 0;  // by the handler, or not to be read
  std::uint64_t lost = 0;     // of the range, and not in the log
};

/// `sink` nullptr: only counts. What is lost or refused is said on stderr; a bar is shown on a
/// terminal.
[[nodiscard]] Result<ReplaySummary> replay_range(ControlClient& client,
                                                 const RangeReader::Range& range,
                                                 const Selection& selection, ReplayPace pace,
                                                 ReplaySink* sink);

}  // namespace forebay
