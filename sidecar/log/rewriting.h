// Fills a fresh log with what another one held: batches keep their sequences, times and content, and
// get the fresh log's incarnations and chain. In transactions of a bounded size; the first failure
// ends it, and finish() tells. For repair and restore.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/log/log.h"

namespace forebay {

class Rewriting {
 public:
  /// `log` outlives it.
  explicit Rewriting(Log& log) : log_(log) {}

  /// Of a stream that has nothing yet: where it begins.
  void start_at(StreamIndex stream, Sequence first);
  void batch(StreamIndex stream, const BatchView& batch);
  void gap(StreamIndex stream, std::uint64_t count, const std::string& reason);
  [[nodiscard]] Sequence next(StreamIndex stream) const;
  /// After all of a stream's batches: `before` is its record in the log that they came from.
  void descends_from(StreamIndex stream, const StreamRecord& before);

  /// After all batches: the producers, each as far on as its record or the last of its batches that
  /// was put, whichever is further. Returns those that have batches and no record.
  [[nodiscard]] std::vector<ProducerId> producers(std::map<ProducerId, ProducerRecord> records);
  void consumer(const ConsumerKey& key, const ConsumerRecord& record);

  [[nodiscard]] Result<void> finish();

 private:
  struct Put {
    Epoch epoch;
    ProducerSequence position;
    Sequence sequence;  // of its last event
  };
  [[nodiscard]] bool begin(std::size_t bytes);
  void append(StreamIndex stream, WallTime time);
  void take(Result<void> result);

  Log& log_;
  std::optional<Log::Transaction> transaction_;
  std::size_t held_ = 0;
  std::string bytes_;
  std::map<ProducerId, Put> put_;
  Result<void> done_;
};

}  // namespace forebay
