#include "examples/olist/timeline.h"

#include "common/event/event_json.h"

namespace forebay::olist {

Result<Timeline> Timeline::open(const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::kNotFound, "cannot read " + path + ": convert.py makes it");
  return Timeline(path, std::move(file));
}

Result<std::optional<Entry>> Timeline::next() {
  std::string line;
  if (!std::getline(file_, line)) {
    if (file_.bad()) return fail(ErrorCode::kIo, "cannot read on in " + path_);
    return std::nullopt;
  }
  ++line_;
  auto entry = entry_of(line);
  if (!entry) return fail(entry.error().in(path_ + ":" + std::to_string(line_)));
  return std::optional<Entry>(std::move(*entry));
}

Result<Entry> Timeline::entry_of(const std::string& line) const {
  auto json = parse_json(line);
  if (!json) return fail(json.error());
  const auto part = [](const Json& object, const char* name) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    return found == object.end() ? Json() : *found;
  };
  if (const Json stream = part(*json, "stream"); stream.is_string()) {
    auto event = event_from_json(print_json(part(*json, "event")));
    if (!event) return fail(event.error());
    return TimelineEvent{stream.get<std::string>(), std::move(*event)};
  }
  const Json ask = part(*json, "ask");
  const Json order_id = part(ask, "order_id");
  if (!order_id.is_string()) {
    return fail(ErrorCode::kBadInput, "neither an event with its stream nor a question");
  }
  return Ask{order_id.get<std::string>(), part(ask, "query"), part(ask, "published")};
}

}  // namespace forebay::olist
