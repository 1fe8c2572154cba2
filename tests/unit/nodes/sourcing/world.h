// A view for tests: events go in as JSON through the real handler, queries go through the real
// codecs, answers come out as JSON. All in one write transaction that is never committed, so that a
// fresh world costs next to nothing.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/store/store.h"
#include "nodes/sourcing/edd.h"
#include "nodes/sourcing/query.h"
#include "nodes/sourcing/view.h"
#include "tests/support/temp_dir.h"

namespace forebay::test {

using nlohmann::json;

inline std::string to_bytes(const json& value) {
  const auto packed = json::to_msgpack(value);
  return {packed.begin(), packed.end()};
}
inline json to_json(const std::string& bytes) { return json::from_msgpack(bytes); }

/// The store that all worlds of a program share, in a folder of its own.
inline Store& shared_store() {
  static const TempDir dir;
  static const std::unique_ptr<Store> store =
      std::move(Store::open(dir / "view", SourcingHandler().tables()).value());
  return *store;
}

class World {
 public:
  World() : write_(shared_store().write()) {}

  /// The reason for a refusal; empty if the event was accepted.
  std::string apply_bytes(std::string_view stream, std::string_view type, std::string_view data) {
    EventView event{};
    event.type = type;
    event.data = data;
    EventContext context{};
    context.stream = stream;
    context.sequence = Sequence{++sequence_};
    ViewWriter view(write_);
    if (auto applied = handler_.apply(event, context, view); !applied) {
      view.refuse();
      return applied.error().message;
    }
    auto accepted = view.accept();
    return accepted ? "" : "STORE: " + accepted.error().message;
  }
  std::string apply(std::string_view stream, std::string_view type, const json& data) {
    return apply_bytes(stream, type, to_bytes(data));
  }

  json ask_bytes(const std::string& query, const AsOf& as_of = {}) {
    const ParsedQuery parsed = parse_query(query, now);
    if (!parsed.request) return to_json(encode_error(parsed.request.error(), parsed.id));
    const auto answer = calculator_.answer(write_, parsed.request->question());
    if (!answer) return to_json(encode_error(answer.error(), parsed.id));
    return to_json(encode_answer(*answer, encode_as_of(as_of), parsed.id));
  }
  json ask(const json& query) { return ask_bytes(to_bytes(query)); }

  [[nodiscard]] const ReadTransaction& transaction() const { return write_; }

  WallTime now = from_rfc3339("2026-03-02T09:00:00Z").value();  // a Monday

 private:
  WriteTransaction write_;
  SourcingHandler handler_;
  EddCalculator calculator_;
  std::uint64_t sequence_ = 0;
};

}  // namespace forebay::test
