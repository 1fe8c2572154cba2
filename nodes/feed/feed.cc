#include "nodes/feed/feed.h"

#include <spdlog/spdlog.h>

#include <memory>
#include <optional>

#include "common/base/limits.h"
#include "common/client/line_publisher.h"
#include "common/service/notify.h"
#include "nodes/feed/feed_look.h"
#include "nodes/feed/rejects_file.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSignalCheck{100};  // a wait that no signal ends is cut into these

class Feed {
 public:
  Feed(const FeedOptions& options, StopSignals& signals)
      : options_(options),
        signals_(signals),
        look_(clock_),
        watch_(options.watch, [this](const Json& report) { return look_.look(report); }) {}

  Result<FeedSummary> run() {
    for (const auto step : {&Feed::open, &Feed::begin, &Feed::publish, &Feed::finish}) {
      if (auto done = (this->*step)(); !done) return fail(final_of(done.error()));
      if (stopping_ && !publisher_) break;
    }
    return summary();
  }

 private:
  /// A followed file that is not there may still come, and a stream that the sidecar does not know it may know
  /// when it has read the topology again.
  [[nodiscard]] Error final_of(const Error& error) const {
    const bool may_come = error.code == ErrorCode::kNotFound && (publisher_ || options_.follow);
    return may_come ? Error{ErrorCode::kUnavailable, error.message} : error;
  }

  /// Each round of each of its waits comes by here.
  [[nodiscard]] bool stopping() {
    if (signals_.arrived()) stopping_ = true;
    if (watch_.asks()) watch_.answer([this] { return Result<Json>(report()); });
    return stopping_;
  }

  /// Whether what it has taken has not come to disk for a while.
  bool held() {
    const auto now = std::chrono::steady_clock::now();
    if (!pump_) {  // it cannot even register
      return waited_.since != std::chrono::steady_clock::time_point{} &&
             now - waited_.since > limits::kFeedHeldAfter;
    }
    const std::uint64_t acknowledged = publisher_->acknowledged().position.value;
    if (publisher_->unacknowledged_bytes() == 0 || acknowledged != progress_.acknowledged)
      progress_ = {acknowledged, now};
    return now - progress_.at > limits::kFeedHeldAfter;
  }

  Json report() {
    return {{"feed", options_.name},
            {"lines", source_ ? source_->lines() : 0},
            {"published", pump_ ? pump_->published() : 0},
            {"rejected", pump_ ? pump_->rejected() : 0},
            {"acknowledged", publisher_ ? publisher_->acknowledged().last.value : 0},
            {"unacknowledged_bytes", publisher_ ? publisher_->unacknowledged_bytes() : 0},
            {"held", held()}};
  }

  /// The source, and what tells it from others: a followed file may have no line yet.
  Result<void> open() {
    auto source = LineSource::open(options_.source, options_.follow);
    if (!source) return fail(source.error());
    source_ = std::move(*source);
    // Its first line and its sidecar may come long after it.
    notify_ready("waiting for the sidecar of " + options_.stream);
    if (source_->is_stdin()) {
      spdlog::warn("stdin is not resumable: what is given again is published again");
      return {};
    }
    while (!stopping()) {
      const auto found = source_->fingerprint();
      if (!found) return fail(found.error());
      if (*found) fingerprint_ = **found;
      if (*found || !options_.follow) return {};
      source_->wait(limits::kFollowPollInterval, signals_.descriptor());
    }
    return {};
  }

  /// Registers, and goes to where the registration says.
  Result<void> begin() {
    if (stopping_) return {};
    auto rejects = RejectsFile::open(options_.state_dir + "/rejects.ndjson", fingerprint_);
    if (!rejects) return fail(rejects.error());
    rejects_ = std::move(*rejects);
    auto publisher = Publisher::connect({.ingest = options_.ingest,
                                         .control = options_.control,
                                         .stream = options_.stream,
                                         .name = options_.name,
                                         .fingerprint = fingerprint_,
                                         .source = "/" + options_.name});
    if (!publisher) return fail(publisher.error());
    publisher_ = std::move(*publisher);
    while (!stopping()) {
      const auto registered = publisher_->wait_registered(kSignalCheck);
      if (registered) return resume(*registered);
      if (auto failure = publisher_->failure()) return fail(*failure);
      waiting_for(registered.error());
    }
    return {};
  }

  Result<void> resume(const Acknowledgement& registered) {
    waited_ = {};
    if (!source_->is_stdin()) {
      // A long file takes a while, in which it is asked how it is, and may be stopped.
      const auto resumed =
          source_->resume(registered.position.value, [this] { return !stopping(); });
      if (!resumed) return fail(resumed.error());
      if (stopping_) return {};
    }
    pump_.emplace(*source_, *publisher_, *rejects_);
    progress_ = {publisher_->acknowledged().position.value, std::chrono::steady_clock::now()};
    signals_.set_ready("publishing " + source_->path());
    spdlog::info("publishing {} to {} from line {}", source_->path(), options_.stream,
                 source_->lines() + 1);
    return {};
  }

  Result<void> publish() {
    while (pump_ && !stopping()) {
      // Also while there is no line: what a log that was replaced lacks is published again by the next start.
      if (auto failure = publisher_->failure()) return fail(*failure);
      const auto step = pump_->step(kSignalCheck);
      if (!step) return fail(step.error());
      switch (*step) {
        case LinePublisher::Step::kWorked:
          waited_ = {};
          break;
        case LinePublisher::Step::kBlocked:
          waiting_for(pump_->blocked_by());
          break;
        case LinePublisher::Step::kWaiting:
          source_->wait(limits::kFollowPollInterval, signals_.descriptor());
          break;
        case LinePublisher::Step::kEnd:
          return {};
      }
    }
    return {};
  }

  /// Waits until everything is on disk; once stopping, only for a moment, since it is all found
  /// again in the file.
  Result<void> finish() {
    if (!pump_) return {};
    std::optional<std::chrono::steady_clock::time_point> give_up;
    while (true) {
      const auto flushed = publisher_->flush(kSignalCheck);
      if (flushed) return {};
      if (auto failure = publisher_->failure()) return fail(*failure);
      const auto now = std::chrono::steady_clock::now();
      if (stopping() && !give_up) give_up = now + limits::kStopFlushTimeout;
      if (give_up && now >= *give_up) return {};
      waiting_for(flushed.error());
    }
  }

  /// Says once that nothing goes on, after a while.
  void waiting_for(const Error& error) {
    const auto now = std::chrono::steady_clock::now();
    if (waited_.since == std::chrono::steady_clock::time_point{}) waited_.since = now;
    if (waited_.said || now - waited_.since < limits::kResendTimeoutMin) return;
    waited_.said = true;
    spdlog::warn("waiting for the sidecar of {}: {}", options_.stream, error.message);
  }

  [[nodiscard]] FeedSummary summary() const {
    FeedSummary summary;
    summary.lines = source_->lines();
    if (pump_) {
      summary.published = pump_->published();
      summary.rejected = pump_->rejected();
      // Read ahead of a followed file's end, it is no matter; and a stop leaves much unread.
      if (!options_.follow && !stopping_) summary.unfinished = source_->unfinished();
      const Acknowledgement acknowledged = publisher_->acknowledged();
      summary.acknowledged = acknowledged.position.value;
      summary.token = Position{acknowledged.incarnation, acknowledged.last}.token();
    }
    return summary;
  }

  struct Waited {
    std::chrono::steady_clock::time_point since{};
    bool said = false;
  };

  const FeedOptions& options_;
  StopSignals& signals_;
  bool stopping_ = false;
  std::uint64_t fingerprint_ = 0;
  std::unique_ptr<LineSource> source_;
  std::unique_ptr<RejectsFile> rejects_;
  std::unique_ptr<Publisher> publisher_;
  std::optional<LinePublisher> pump_;
  struct Progress {
    std::uint64_t acknowledged = 0;
    std::chrono::steady_clock::time_point at{};
  };

  Waited waited_;
  Progress progress_;
  SystemClock clock_;
  FeedLook look_;
  Watch watch_;
};

}  // namespace

Result<FeedSummary> run_feed(const FeedOptions& options, StopSignals& signals) {
  return Feed(options, signals).run();
}

}  // namespace forebay
