// What a simulation knows to be true: the history of the stream as it was committed. Everything
// that acknowledges, broadcasts or delivers is held against it.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/log/log.h"

namespace forebay::sim {

/// A broken promise.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void expect(bool holds, const std::string& what) {
  if (!holds) throw Failure(what);
}

class Oracle {
 public:
  /// Takes in what was committed since the last call, before anything of it is trimmed: dense,
  /// chained, times monotone, no event twice, each publisher's in the order it has them.
  void observe(const Log& log);

  [[nodiscard]] Sequence head() const { return Sequence{subjects_.size()}; }
  /// The subject of the event at `sequence`, which has to be committed.
  [[nodiscard]] const std::string& at(Sequence sequence) const;
  /// How many events of `who` are committed; they are its first so many.
  [[nodiscard]] std::uint64_t committed(const std::string& who) const;

  /// The subject of the k-th event of `who`, from 0.
  [[nodiscard]] static std::string subject(const std::string& who, std::uint64_t k) {
    return who + "#" + std::to_string(k);
  }

 private:
  void add(const std::string& subject);

  std::vector<std::string> subjects_;  // by sequence − 1
  std::map<std::string, std::uint64_t> committed_;
  std::uint64_t last_checksum_ = 0;
  WallTime last_time_{};
};

}  // namespace forebay::sim
