// Retention: deletes whole batches from the oldest on, by age and by bytes, a bounded number at a
// time: in transactions that commit batches anyway, and while there are none in its own. Off unless
// the topology says otherwise.
//
// What a registered consumer has yet to read is not trimmed. Where that makes a stream larger than
// it may be, its policy says who gives way: the consumer, which is told of a gap when it comes there,
// or the publishers, who hold until it has read.
//
// Age is measured by the wall clock, which may be wrong. A clock is trusted while it agrees to an
// hour with the time since boot, since it was last in order; after a reboot of the machine, with the
// last commit. Else trimming by age waits, with an alert, until the system says that its clock is
// synchronised, or an operator that it is right. What is known of that is kept in the log, since a
// clock that jumped stamps commits that then seem to vouch for it. Trimming by bytes needs no clock.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "sidecar/holds.h"
#include "sidecar/log/log.h"
#include "sidecar/work.h"

namespace forebay {

/// What a stream keeps; neither: everything.
struct RetentionPolicy {
  std::optional<Nanoseconds> age;
  std::optional<std::uint64_t> bytes;
  bool refuses = false;  // new events at `bytes`, rather than trim what a consumer has yet to read
};

/// Whether the wall clock can be trusted to tell an age.
class ClockTrust {
 public:
  /// `record`: what the log knows. `last_commit`: the latest commit time in it, if it holds any.
  ClockTrust(const Clock& clock, const std::optional<ClockRecord>& record,
             std::optional<WallTime> last_commit);
  /// In doubt it asks the system now and then, if it `asks`: for who needs no answer it need not.
  [[nodiscard]] bool trusted(bool asks = true);
  /// Whatever it was taken for, it is right now.
  void vouch();
  /// To be kept: as of the last trusted().
  [[nodiscard]] const ClockRecord& known() const { return known_; }

 private:
  [[nodiscard]] bool jumped() const;

  const Clock& clock_;
  ClockRecord known_;
  MonoTime next_question_{};
};

class Trimmer {
 public:
  /// All outlive it. `policies` in the order of the log's streams.
  Trimmer(Log& log, const Clock& clock, Holds& holds, std::vector<RetentionPolicy> policies);

  /// To be called before each commit: a clock that jumped is known as that before it has stamped
  /// anything.
  [[nodiscard]] Result<void> watch_clock();
  /// Whether the last time there was more to trim than it did.
  [[nodiscard]] bool more() const { return more_; }
  /// Whether there may be something to trim: more of what was due, or it is time to look again.
  [[nodiscard]] bool due() const { return more_ || clock_.mono() >= next_look_; }
  /// Trims a bounded amount of what is due, but at least twice as many batches as the transaction
  /// appended; returns the streams that changed. A damaged batch goes when the next sound one is
  /// due. kUnavailable: a page is damaged; the transaction is void, its stream left alone from now
  /// on, and the next transaction may succeed. Any other error is fatal.
  [[nodiscard]] Result<std::vector<TrimmedStream>> trim(Log::Transaction& transaction);
  /// The same in transactions of its own; a damaged page is no error here.
  [[nodiscard]] Result<std::vector<TrimmedStream>> trim();

 private:
  [[nodiscard]] bool keeps_by_age() const;
  [[nodiscard]] Result<std::size_t> trim(Log::Transaction& transaction, StreamIndex stream,
                                         std::size_t batches_max, bool by_age);
  void pass(StreamIndex stream, const Holds::Laggard& laggard);
  [[nodiscard]] tl::unexpected<Error> leave_alone(StreamIndex stream, const Error& error);

  Log& log_;
  const Clock& clock_;
  Holds& holds_;
  std::vector<RetentionPolicy> policies_;
  ClockTrust trust_;
  MonoTime next_look_{};  // for what is too old; too many bytes are seen at each commit
  bool more_ = false;     // than was trimmed the last time
  std::size_t turn_ = 0;  // the stream that is trimmed first
  bool told_ = false;
  std::map<StreamIndex, std::string> passed_;  // consumer that was told of as losing, last
  std::set<StreamIndex> damaged_;  // whose pages cannot be read where they would be trimmed
};

}  // namespace forebay
