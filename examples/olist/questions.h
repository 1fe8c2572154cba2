// Asks a sourcing node over its query socket (docs/edd.md, "Query"), several questions at a time if
// wanted; and what asking took.
//
// For one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/event/json_value.h"
#include "common/wire/transport.h"

namespace forebay::olist {

class Questions {
 public:
  explicit Questions(Context& context);
  [[nodiscard]] Result<void> connect(const std::string& endpoint);

  /// Asks one and waits. An answer that is an error comes as that.
  [[nodiscard]] Result<Json> ask(const Json& query);

  /// Sends questions, each encoded, keeping `in_flight` unanswered, until all are answered.
  [[nodiscard]] Result<void> ask_all(std::span<const std::string> encoded, std::size_t in_flight);

 private:
  [[nodiscard]] Result<void> send(const std::string& encoded);
  [[nodiscard]] Result<Message> receive();

  Socket dealer_;
};

/// How long each of many things took.
class Latencies {
 public:
  void add(std::chrono::nanoseconds took) { all_.push_back(took); }
  /// {count, per_s over the sum of all, p50_us, p99_us}.
  [[nodiscard]] Json figures();

 private:
  std::vector<std::chrono::nanoseconds> all_;
};

}  // namespace forebay::olist
