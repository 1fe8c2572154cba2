#include "common/event/event.h"

#include <algorithm>
#include <iterator>

#include "common/event/msgpack_cursor.h"

namespace forebay {
namespace {

/// Calls `visit(name, value)` for each entry of a checked attribute map.
template <class Visit>
void for_each_attribute(std::string_view encoded, const Visit& visit) {
  MsgpackCursor cursor(encoded);
  const auto entries = cursor.map();
  for (std::size_t i = 0; entries && i < *entries; ++i) {
    const auto name = cursor.text();
    if (!name) return;
    if (const auto text = cursor.text()) {
      visit(*name, AttributeValue(std::string(*text)));
    } else if (const auto number = cursor.integer()) {
      visit(*name, AttributeValue(*number));
    } else if (const auto flag = cursor.boolean()) {
      visit(*name, AttributeValue(*flag));
    } else {
      return;
    }
  }
}

/// The encoded value of an attribute.
std::optional<std::string_view> find_attribute(std::string_view encoded, std::string_view wanted) {
  MsgpackCursor cursor(encoded);
  const auto entries = cursor.map();
  for (std::size_t i = 0; entries && i < *entries; ++i) {
    const auto name = cursor.text();
    const std::size_t value_at = cursor.offset();
    if (!name || (!cursor.text() && !cursor.integer() && !cursor.boolean())) return std::nullopt;
    if (*name == wanted) return encoded.substr(value_at, cursor.offset() - value_at);
  }
  return std::nullopt;
}

}  // namespace

bool is_event_field(std::string_view name) {
  constexpr std::string_view kFields[] = {"specversion", "type", "subject",
                                          "time",        "data", "data_base64"};
  return std::find(std::begin(kFields), std::end(kFields), name) != std::end(kFields);
}

std::optional<std::string_view> EventView::text_attribute(std::string_view name) const {
  auto value = find_attribute(attributes, name);
  if (!value) value = find_attribute(shared, name);
  return value ? MsgpackCursor(*value).text() : std::nullopt;
}

Attributes EventView::all_attributes() const {
  Attributes all;
  const auto insert = [&](std::string_view name, AttributeValue value) {
    all.emplace(name, std::move(value));  // the first of a name stays: the event's own
  };
  for_each_attribute(attributes, insert);
  for_each_attribute(shared, insert);
  return all;
}

}  // namespace forebay
