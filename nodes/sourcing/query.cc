#include "nodes/sourcing/query.h"

#include <array>

#include "common/base/limits.h"
#include "common/event/msgpack_check.h"
#include "common/event/msgpack_out.h"
#include "nodes/sourcing/fields.h"

namespace forebay {
namespace {

constexpr std::array<std::string_view, 7> kQueryFields = {"lines",      "to_zone", "at", "at_least",
                                                          "timeout_ms", "view",    "id"};
constexpr std::array<std::string_view, 2> kLineFields = {"sku", "quantity"};

// About what an answer takes, with names of usual length.
constexpr std::size_t kAnswerBytesOwn = 256;
constexpr std::size_t kExcludedBytes = 64;

QueryError bad_query(const FieldError& error) {
  return {"bad_query", (error.field.empty() ? "the query" : error.field) + " " + error.message,
          error.field};
}

std::vector<OrderLine> parse_lines(Fields& query) {
  const std::vector<std::string_view> elements = query.array("lines");
  if (elements.empty() || elements.size() > limits::kQueryLinesMax) {
    query.refuse("lines",
                 "must be an array of 1 to " + std::to_string(limits::kQueryLinesMax) + " lines");
  }
  std::vector<OrderLine> lines;
  if (query.error()) return lines;
  lines.reserve(elements.size());
  for (std::size_t i = 0; i < elements.size(); ++i) {
    Fields line(elements[i], "lines[" + std::to_string(i) + "].");
    lines.push_back({line.name("sku"), line.integer("quantity", 1, limits::kQueryQuantityMax)});
    line.allow_only(kLineFields);
    query.adopt(line);
    if (query.error()) return {};
  }
  return lines;
}

WallTime parse_at(Fields& query, WallTime now) {
  if (!query.has("at")) return now;
  const auto at = from_rfc3339(query.text("at"));
  if (!at) {
    query.refuse("at",
                 "must be an RFC 3339 time with offset, e.g. 2026-03-01T09:30:00+01:00, in the "
                 "years 1678 to 2261");
  }
  return at.value_or(now);
}

void parse_at_least(Fields& query, EddRequest& request) {
  if (!query.has("at_least")) return;
  static const std::string kRule =
      "must be a map of at most " + std::to_string(limits::kQueryAtLeastStreamsMax) +
      " streams, each with a sequence (0 or more) or a token (<32 hex digits>:<sequence>)";
  MsgpackReader reader(query.raw("at_least"));
  const auto head = reader.next();
  if (!head || head->kind != MsgpackKind::kMap || head->count > limits::kQueryAtLeastStreamsMax) {
    return query.refuse("at_least", kRule);
  }
  for (std::uint32_t i = 0; i < head->count; ++i) {
    const auto key = MsgpackReader(*reader.value()).next();
    const auto value = MsgpackReader(*reader.value()).next();
    if (key->kind != MsgpackKind::kText || !is_name(key->bytes))
      return query.refuse("at_least", kRule);
    std::variant<Sequence, Position> position;
    if (value->kind == MsgpackKind::kInteger && value->integer >= 0) {
      position = Sequence{static_cast<std::uint64_t>(value->integer)};
    } else if (value->kind == MsgpackKind::kText) {
      const auto token = Position::from_token(value->bytes);
      if (!token) return query.refuse("at_least." + std::string(key->bytes), "is not a token");
      position = *token;
    } else {
      return query.refuse("at_least." + std::string(key->bytes),
                          "must be a sequence (0 or more) or a token");
    }
    if (!request.at_least.emplace(key->bytes, position).second) {
      return query.refuse("at_least." + std::string(key->bytes), "is there twice");
    }
  }
}

std::string_view parse_view(Fields& query) {
  if (!query.has("view")) return {};
  const std::string_view view = query.text("view");
  if (!is_name(view)) {
    query.refuse("view", "must be a name of 1 to 64 of a-z, 0-9, '.', '_' and '-'");
  }
  return view;
}

std::string_view parse_id(Fields& query) {
  if (!query.has("id")) return {};
  const std::string_view id = query.raw("id");
  if (id.size() <= limits::kQueryIdBytesMax) return id;
  query.refuse("id",
               "must be at most " + std::to_string(limits::kQueryIdBytesMax) + " bytes of msgpack");
  return {};
}

void write_text_or_nil(MsgpackPacker& out, std::string_view key, bool there,
                       std::string_view text) {
  pack_text(out, key);
  if (there) {
    pack_text(out, text);
  } else {
    out.pack_nil();
  }
}

void write_excluded(MsgpackPacker& out, const std::vector<Excluded>& excluded) {
  out.pack_array(static_cast<std::uint32_t>(excluded.size()));
  for (const Excluded& entry : excluded) {
    out.pack_map(entry.carrier.empty() ? 2 : 3);
    pack_text(out, "fc");
    pack_text(out, entry.fc);
    if (!entry.carrier.empty()) {
      pack_text(out, "carrier");
      pack_text(out, entry.carrier);
    }
    pack_text(out, "reason");
    pack_text(out, entry.reason_text());
  }
}

void write_id(MsgpackPacker& out, MsgpackOut& sink, std::string_view id) {
  if (id.empty()) return;
  pack_text(out, "id");
  sink.write(id.data(), id.size());
}

}  // namespace

ParsedQuery parse_query(std::string_view bytes, WallTime now) {
  if (const auto sound = check_msgpack(bytes); !sound) {
    return {{}, tl::unexpected(QueryError{"bad_query", sound.error().message, {}})};
  }
  Fields query(bytes);
  const std::string_view id = parse_id(query);
  EddRequest request{};
  request.lines = parse_lines(query);
  request.to_zone = query.name("to_zone");
  request.at = parse_at(query, now);
  parse_at_least(query, request);
  request.timeout = limits::kQueryTimeoutDefault;
  if (query.has("timeout_ms")) {
    request.timeout =
        std::chrono::milliseconds(query.integer("timeout_ms", 0, limits::kQueryTimeoutMax.count()));
  }
  request.view = parse_view(query);
  query.allow_only(kQueryFields);
  if (query.error()) return {id, tl::unexpected(bad_query(*query.error()))};
  return {id, std::move(request)};
}

std::string encode_as_of(const AsOf& as_of) {
  std::string bytes;
  MsgpackOut sink{bytes};
  MsgpackPacker out(sink);
  out.pack_map(static_cast<std::uint32_t>(as_of.size()));
  for (const auto& [stream, at] : as_of) {
    pack_text(out, stream);
    out.pack_map(7);
    pack_text(out, "state");
    pack_text(out, at.state);
    pack_text(out, "start");
    out.pack(at.start.value);
    pack_text(out, "sequence");
    out.pack(at.sequence.value);
    write_text_or_nil(out, "time", at.time.has_value(), at.time ? to_rfc3339(*at.time) : "");
    pack_text(out, "age_ms");
    if (at.age_ms) {
      out.pack(*at.age_ms);
    } else {
      out.pack_nil();
    }
    pack_text(out, "stale");
    out.pack(at.stale);
    pack_text(out, "lost");
    out.pack(at.lost);
  }
  return bytes;
}

std::string encode_answer(const EddAnswer& answer, std::string_view as_of, std::string_view id) {
  const auto& best = answer.best;
  std::string bytes;
  bytes.reserve(kAnswerBytesOwn + as_of.size() + kExcludedBytes * answer.excluded.size());
  MsgpackOut sink{bytes};
  MsgpackPacker out(sink);
  out.pack_map(id.empty() ? 8 : 9);
  write_id(out, sink, id);
  write_text_or_nil(out, "edd", best.has_value(), best ? to_text(best->delivery) : "");
  write_text_or_nil(out, "ship_date", best.has_value(), best ? to_text(best->ship) : "");
  write_text_or_nil(out, "fc", best.has_value(), best ? best->fc : "");
  write_text_or_nil(out, "carrier", best.has_value(), best ? best->carrier : "");
  pack_text(out, "boxes");
  if (best) {
    out.pack(best->boxes);
  } else {
    out.pack_nil();
  }
  pack_text(out, "options");
  out.pack(answer.options);
  pack_text(out, "excluded");
  write_excluded(out, answer.excluded);
  pack_text(out, "as_of");
  sink.write(as_of.data(), as_of.size());
  return bytes;
}

std::string encode_error(const QueryError& error, std::string_view id) {
  std::string bytes;
  MsgpackOut sink{bytes};
  MsgpackPacker out(sink);
  out.pack_map(id.empty() ? 1 : 2);
  write_id(out, sink, id);
  pack_text(out, "error");
  out.pack_map(3);
  pack_text(out, "code");
  pack_text(out, error.code);
  pack_text(out, "message");
  pack_text(out, error.message);
  write_text_or_nil(out, "field", !error.field.empty(), error.field);
  return bytes;
}

}  // namespace forebay
