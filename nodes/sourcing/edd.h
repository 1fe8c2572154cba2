// The expected delivery date of an order: the seven rules of docs/edd.md over the view at one
// moment.
//
// A pure function of view and question: no clock, no upstream. An EddCalculator keeps buffers,
// time zones and what it read of FCs, carriers and lanes (tables.h) between questions; it is for
// one thread.
//
//   EddCalculator calculator;
//   const ReadTransaction view = store.read();
//   auto answer = calculator.answer(view, {lines, "zone-eu", now});
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "common/base/clock.h"
#include "common/store/store.h"
#include "nodes/sourcing/calendar.h"

namespace forebay {

struct OrderLine {
  std::string_view sku;
  std::int64_t quantity;  // 1 to limits::kQueryQuantityMax
};

struct EddQuestion {
  std::span<const OrderLine> lines;  // 1 to limits::kQueryLinesMax
  std::string_view to_zone;
  WallTime at;
};

/// What a query gets in place of an answer; docs/edd.md lists the codes.
struct QueryError {
  std::string code;
  std::string message;
  std::string field;  // what in the query is at fault; empty: nothing in particular
};

enum class Exclusion : std::uint8_t { kNoStock, kBeyondHorizon, kNoLane, kRefuses, kOversize };

/// Why an FC, or a carrier from it, is out of the question.
struct Excluded {
  std::string_view fc;
  std::string_view carrier;  // empty: the FC as a whole
  Exclusion reason;
  std::string_view attribute;  // of kRefuses

  /// As in the answer, e.g. "refuses:fragile".
  [[nodiscard]] std::string reason_text() const;
};

struct Promise {
  CivilDate delivery, ship;
  std::int64_t boxes;
  std::string_view carrier, fc;
};

/// Texts are borrowed from the transaction, the question, and the calculator until its next one.
struct EddAnswer {
  std::optional<Promise> best;     // none: nothing is feasible
  std::size_t options = 0;         // feasible pairs of FC and carrier
  std::vector<Excluded> excluded;  // by FC, then carrier, in byte order
};

class EddCalculator {
 public:
  EddCalculator();
  ~EddCalculator();

  /// QueryError: `unknown_sku`, or `unavailable` if an FC's time zone is no longer on this machine.
  [[nodiscard]] tl::expected<EddAnswer, QueryError> answer(const ReadTransaction& view,
                                                           const EddQuestion& question);

 private:
  struct Scratch;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace forebay
