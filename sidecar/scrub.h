// Looks at every stored batch again and again, a little at a time, so that damage is known of before
// a consumer comes upon it. It reads the file itself, in place of the store's map: a page that the
// disk does not give, or that is damaged, must not end the process. For one thread; damage() for any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "sidecar/log/log.h"

namespace forebay {

class Scrubber {
 public:
  /// First → how many; 0 → 1: the stream itself.
  using Damaged = std::map<Sequence, std::uint64_t>;
  /// What was found, and how far the pass has come, for the scrubber that a sidecar has after a reload.
  struct Memory {
    std::map<std::string, Damaged> damaged;  // by stream
    std::string stream;
    Sequence next{1};
    std::uint64_t checksum = 0;  // of the batch that ends there; 0: unknown
    std::string stream_damage;   // the first of its turn
  };

  /// All outlive it: `log`, of the folder `dir`; `memory`, with which it goes on, and which it leaves.
  Scrubber(const Log& log, const std::string& dir, Memory& memory);
  ~Scrubber();
  Scrubber(const Scrubber&) = delete;
  Scrubber& operator=(const Scrubber&) = delete;

  /// Verifies batches of about `bytes` (at least one) from where it was on. False when it has come to
  /// the end of the log; the next step begins anew. kIo: the file cannot be opened.
  [[nodiscard]] Result<bool> step(std::size_t bytes);

  /// Sequences of each stream that damaged batches occupy, by those that were found and are still
  /// held.
  [[nodiscard]] std::vector<std::uint64_t> damage() const;

 private:
  struct Damage {
    Sequence first, next;
    std::string what;
    friend bool operator==(const Damage&, const Damage&) = default;
  };
  /// What a look at a part of a stream found.
  struct Look {
    Sequence oldest{1};          // held from there
    Sequence first{1}, next{1};  // looked at from there up to there
    std::uint64_t checksum = 0;  // of the batch that ends there; 0: unknown
    Sequence head_next;          // of the stream now
    bool ended = false;          // nothing more of it can be looked at
    std::size_t bytes = 0;
    std::vector<Damage> damage;
    std::string stream_damage;  // of its record or tree, and where no batch is missing for it
  };
  [[nodiscard]] Result<Look> look(StreamIndex stream, std::size_t bytes) const;
  void note(StreamIndex stream, const Look& look);
  /// At the end of a stream's turn.
  void note_stream(StreamIndex stream, const std::string& damage);

  const Log& log_;
  Memory& memory_;
  std::string file_;
  StreamIndex stream_{0};
  Sequence next_{1};
  std::uint64_t checksum_ = 0;
  std::optional<Sequence> end_;  // of the stream when its turn began, lest one that grows is all
  std::string stream_damage_;
  mutable std::mutex mutex_;
  std::vector<Damaged> damaged_;  // by stream
};

}  // namespace forebay
