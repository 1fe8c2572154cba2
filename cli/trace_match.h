// Which events `forebay trace` is after: those whose id, correlation, causation or trace is the one asked
// for, or the one at a position.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/event/batch.h"
#include "common/event/event.h"

namespace forebay {

/// The trace id in a `traceparent` of W3C Trace Context, as long as the text; nullopt for what is none.
/// Later versions, which may go on after the flags, have it at the same place.
[[nodiscard]] std::optional<std::string_view> trace_id_of(std::string_view traceparent);

class Sought {
 public:
  /// An id, a correlation or causation id, a trace id or a whole `traceparent`, STREAM:SEQUENCE, or a
  /// token. kBadInput for what no event can have.
  [[nodiscard]] static Result<Sought> of(std::string text);

  [[nodiscard]] const std::string& text() const { return text_; }

  /// False, without a look inside, for most events that it is not.
  [[nodiscard]] bool may_be(std::string_view stream, const BatchHeader& batch, std::uint64_t index,
                            std::string_view shared, std::string_view encoded) const;
  [[nodiscard]] bool is(std::string_view stream, const BatchHeader& batch, std::uint64_t index,
                        const EventView& event) const;

 private:
  [[nodiscard]] bool is_at(std::string_view stream, const BatchHeader& batch,
                           std::uint64_t index) const;
  [[nodiscard]] bool names_producer(const BatchHeader& batch) const;

  std::string text_;
  std::string trace_id_;  // what a traceparent is searched for
  std::optional<Position> token_;
  std::string stream_;  // of STREAM:SEQUENCE; empty: it is none
  Sequence sequence_;
  std::optional<std::int64_t> number_;  // attributes may be numbers
};

/// The value of an attribute as text; empty if there is none.
[[nodiscard]] std::string attribute_text(const Attributes& attributes, std::string_view name);

}  // namespace forebay
