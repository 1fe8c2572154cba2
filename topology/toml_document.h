// A TOML text as a tree in which every key and value knows its place, and tables keep the order of
// the file.
//
// The only way from TOML into Forebay: toml_document.cc is the one file that includes toml++. Knows
// nothing of topologies.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "topology/problem.h"

namespace forebay {

struct TomlEntry;

struct TomlValue {
  enum class Kind : std::uint8_t { kTable, kArray, kString, kInteger, kBoolean, kOther };

  Kind kind = Kind::kTable;
  Place place;
  std::string text;                // of a kString
  std::int64_t integer = 0;        // of a kInteger
  bool boolean = false;            // of a kBoolean
  std::vector<TomlEntry> entries;  // of a kTable, in the order of the file
  std::vector<TomlValue> items;    // of a kArray

  /// "a table", "an array", "a string", …, for messages.
  [[nodiscard]] std::string_view kind_name() const;
};

struct TomlEntry {
  std::string key;
  Place place;  // of the key
  TomlValue value;
};

/// The document's top table, or the first place where `text` is not TOML (or is past the limits of
/// a topology file).
[[nodiscard]] tl::expected<TomlValue, Problem> parse_toml(std::string_view text);

}  // namespace forebay
