// The last column of a table: "ok", or "! " and what is not well.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "cli/status_report.h"
#include "common/base/limits.h"

namespace forebay {

class Health {
 public:
  void add(bool wrong, std::string_view what) {
    if (wrong) wrongs_ += (wrongs_.empty() ? "! " : ", ") + std::string(what);
  }
  /// Of a registered consumer: how long ago its sidecar heard of it, if ever since that started.
  void add_silence(std::optional<std::chrono::milliseconds> silence) {
    add(!silence, "not heard of");
    add(silence > limits::kConsumerSilent,
        "silent " + short_duration(silence.value_or(std::chrono::milliseconds(0))));
  }
  [[nodiscard]] std::string text() const { return wrongs_.empty() ? "ok" : wrongs_; }

 private:
  std::string wrongs_;
};

}  // namespace forebay
