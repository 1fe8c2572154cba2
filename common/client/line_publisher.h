// Publishes the lines of a LineSource, each an event in JSON: the loop that the feed node and
// `forebay publish` share. A line that is no event goes to the RejectSink and the rest goes on;
// blank lines are passed over.
//
// Events of a file are numbered by the end of their line, those of stdin by count. For one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/client/line_source.h"
#include "common/client/publisher.h"

namespace forebay {

/// A line that is no event.
struct Reject {
  std::uint64_t line;
  std::uint64_t offset;  // after its newline
  std::string reason;
  std::string_view text;  // of a line that is too long, the beginning
};

class RejectSink {
 public:
  virtual ~RejectSink() = default;
  [[nodiscard]] virtual Result<void> add(const Reject& reject) = 0;
  /// What was added is to be on disk when this returns: called before anything later is published.
  [[nodiscard]] virtual Result<void> settle() = 0;
};

class LinePublisher {
 public:
  enum class Step {
    kWorked,   // some lines went, or a part of a long one; there may be more
    kBlocked,  // the publisher's window is full: call again
    kWaiting,  // nothing yet: wait on the source
    kEnd,      // of the source
  };

  /// All outlive it. The publisher is registered.
  LinePublisher(LineSource& source, Publisher& publisher, RejectSink& rejects)
      : source_(source), publisher_(publisher), rejects_(rejects) {}

  /// Handles up to limits::kLinesPerStep lines; for a full window it waits up to `patience`. An
  /// error is final: of the source, the sink or the publisher.
  [[nodiscard]] Result<Step> step(std::chrono::milliseconds patience);

  /// What the publisher said at the last kBlocked.
  [[nodiscard]] const Error& blocked_by() const { return blocked_by_; }
  [[nodiscard]] std::uint64_t published() const { return published_; }
  [[nodiscard]] std::uint64_t rejected() const { return rejected_; }

 private:
  struct Pending {
    Event event;
    std::optional<ProducerSequence> sequence;
  };
  [[nodiscard]] Result<void> read(const LineSource::Line& line);
  [[nodiscard]] Result<Step> publish(std::chrono::milliseconds patience);
  [[nodiscard]] Result<void> reject(std::string reason);

  LineSource& source_;
  Publisher& publisher_;
  RejectSink& rejects_;
  std::optional<Pending> pending_;  // read, not yet taken by the publisher
  std::uint64_t pending_line_ = 0, pending_offset_ = 0;
  std::string_view pending_text_;  // in the source, which is not read while something is pending
  Error blocked_by_{ErrorCode::kTimeout, ""};
  std::uint64_t published_ = 0;
  std::uint64_t rejected_ = 0;
};

/// Whether waiting on may help: the sidecar is down, slow or full.
[[nodiscard]] bool is_passing(ErrorCode code);

}  // namespace forebay
