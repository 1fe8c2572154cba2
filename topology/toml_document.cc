#include "topology/toml_document.h"

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
// Without NDEBUG one of its assertions fails where it then says what is wrong: "[" and a control
// character (toml++ 3.3.0, parse_key).
#define TOML_ASSERT(expr) static_cast<void>(0)
#include <toml++/toml.h>

#include <algorithm>

#include "common/base/limits.h"

namespace forebay {
namespace {

Place place_of(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

// NOLINTNEXTLINE(misc-no-recursion): the limits on values and lines bound the depth.
TomlValue convert(const toml::node& node) {
  TomlValue value;
  value.place = place_of(node.source());
  if (const toml::table* table = node.as_table()) {
    value.kind = TomlValue::Kind::kTable;
    for (const auto& [key, child] : *table) {
      value.entries.push_back({std::string(key.str()), place_of(key.source()), convert(child)});
    }
    std::sort(value.entries.begin(), value.entries.end(),
              [](const TomlEntry& a, const TomlEntry& b) { return a.place < b.place; });
  } else if (const toml::array* array = node.as_array()) {
    value.kind = TomlValue::Kind::kArray;
    for (const toml::node& item : *array) value.items.push_back(convert(item));
  } else if (const auto* text = node.as_string()) {
    value.kind = TomlValue::Kind::kString;
    value.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    value.kind = TomlValue::Kind::kInteger;
    value.integer = integer->get();
  } else if (const auto* boolean = node.as_boolean()) {
    value.kind = TomlValue::Kind::kBoolean;
    value.boolean = boolean->get();
  } else {
    value.kind = TomlValue::Kind::kOther;
  }
  return value;
}

/// toml++ builds and destroys dotted keys recursively, one level a dot: a bound on the line bounds
/// the stack.
std::uint32_t first_overlong_line(std::string_view text) {
  std::uint32_t line = 1;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    if (end - start > limits::kTopologyLineBytesMax) return line;
    start = end + 1;
    ++line;
  }
  return 0;
}

}  // namespace

std::string_view TomlValue::kind_name() const {
  switch (kind) {
    case Kind::kTable:
      return "a table";
    case Kind::kArray:
      return "an array";
    case Kind::kString:
      return "a string";
    case Kind::kInteger:
      return "a whole number";
    case Kind::kBoolean:
      return "a boolean";
    case Kind::kOther:
      break;
  }
  return "a date, time or fraction";
}

tl::expected<TomlValue, Problem> parse_toml(std::string_view text) {
  if (text.size() > limits::kTopologyBytesMax) {
    return tl::unexpected(Problem{{},
                                  "the file has " + std::to_string(text.size()) +
                                      " bytes, a topology has at most " +
                                      std::to_string(limits::kTopologyBytesMax),
                                  "name the topology file, not a data file"});
  }
  if (const std::uint32_t line = first_overlong_line(text); line != 0) {
    return tl::unexpected(Problem{
        {line, 1},
        "the line is longer than " + std::to_string(limits::kTopologyLineBytesMax) + " bytes",
        "break it (a list may span lines)"});
  }
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return tl::unexpected(Problem{place_of(parsed.error().source()),
                                  "not TOML: " + std::string(parsed.error().description()),
                                  "mend this first, the rest was not checked"});
  }
  return convert(parsed.table());
}

}  // namespace forebay
