// Asks a sourcing node delivery dates: a window of questions under way, answers in the order asked.
// For one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/event/json_value.h"
#include "common/wire/transport.h"

namespace forebay {

class QueryClient {
 public:
  [[nodiscard]] Result<void> connect(const std::string& endpoint);

  [[nodiscard]] bool full() const;
  [[nodiscard]] bool idle() const { return asked_.empty(); }

  /// Sends a question; not to be called when full. Its `id`, if any, comes back in the answer.
  void ask(Json question);
  /// Puts an answer that needs no asking into the order.
  void answer_at_once(Json answer);

  /// The answer to the oldest question, waiting for it: the node's, or an error of code `timeout`
  /// if it does not come within the question's own timeout_ms and limits::kQueryGrace.
  [[nodiscard]] Json take();

 private:
  struct Asked {
    std::uint64_t number;
    Json id;  // the caller's; null: none
    std::chrono::steady_clock::time_point deadline;
    Json answer;  // null: not yet
  };
  void receive();

  std::string endpoint_;
  Context context_;
  std::optional<Socket> dealer_;
  std::uint64_t next_number_ = 1;
  std::deque<Asked> asked_;
};

/// {"error": {"code", "message", "field": null}}, as a node answers.
[[nodiscard]] Json query_error(const std::string& code, const std::string& message);

/// The answer for people: the date, where from and how, what was not possible, how old it is.
[[nodiscard]] std::string answer_text(const Json& answer);

}  // namespace forebay
