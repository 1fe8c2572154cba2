// The query as it comes in and the answer as it goes out: one msgpack map each (docs/edd.md,
// "Query").
//
// A query may be hostile: it is checked before anything is built of it, and what is wrong is an
// error `bad_query` that names the field. Waiting for `at_least`, choosing the view and filling in
// `as_of` are the server's. No state.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "nodes/sourcing/edd.h"

namespace forebay {

struct EddRequest {
  std::vector<OrderLine> lines;
  std::string_view to_zone;
  WallTime at;
  /// Per stream, how far the view must have come: a sequence of whatever log it follows, or a
  /// position of one log.
  std::map<std::string, std::variant<Sequence, Position>, std::less<>> at_least;
  std::chrono::milliseconds timeout;  // of the wait for it
  std::string_view view;              // empty: the live one

  [[nodiscard]] EddQuestion question() const { return {lines, to_zone, at}; }
};

struct ParsedQuery {
  std::string_view id;  // the client's, one msgpack value to be sent back as it is; empty: none
  tl::expected<EddRequest, QueryError> request;
};

/// Texts are borrowed from `bytes`. `now` stands in for an absent `at`.
[[nodiscard]] ParsedQuery parse_query(std::string_view bytes, WallTime now);

/// How old and how complete one input of an answer is (design: query and `as_of`).
struct StreamAsOf {
  std::string state;             // of the subscription, e.g. "LIVE"
  Sequence start;                // the first sequence the view was to have
  Sequence sequence;             // the last one applied; 0: none yet
  std::optional<WallTime> time;  // its commit time
  std::optional<std::int64_t>
      age_ms;  // since the view last covered a head heard of; none: never did
  bool stale = true;
  std::uint64_t lost = 0;  // events that could not be had
};
using AsOf = std::map<std::string, StreamAsOf, std::less<>>;

/// Encoded on its own, for it is the same in all answers from one moment.
[[nodiscard]] std::string encode_as_of(const AsOf& as_of);

/// `as_of`: what encode_as_of gave.
[[nodiscard]] std::string encode_answer(const EddAnswer& answer, std::string_view as_of,
                                        std::string_view id);
[[nodiscard]] std::string encode_error(const QueryError& error, std::string_view id);

}  // namespace forebay
