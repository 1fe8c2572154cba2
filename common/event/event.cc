#include "common/event/event.h"

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

std::optional<std::string_view> find_text(std::string_view encoded, std::string_view wanted) {
  MsgpackCursor cursor(encoded);
  const auto entries = cursor.map();
  for (std::size_t i = 0; entries && i < *entries; ++i) {
    const auto name = cursor.text();
    if (!name) return std::nullopt;
    if (*name == wanted) return cursor.text();
    if (!cursor.any()) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> EventView::text_attribute(std::string_view name) const {
  if (const auto own = find_text(attributes, name)) return own;
  return find_text(shared, name);
}

Attributes EventView::all_attributes() const {
  Attributes all;
  const auto insert = [&](std::string_view name, AttributeValue value) {
    all.insert_or_assign(std::string(name), std::move(value));
  };
  for_each_attribute(shared, insert);
  for_each_attribute(attributes, insert);
  return all;
}

}  // namespace forebay
