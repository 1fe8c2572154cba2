// Reads one table of a topology: keys by name and type; complains of wrong types at once, of
// missing and unknown keys with the mend.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "topology/reader.h"

namespace forebay {

class TableReader {
 public:
  /// A reader of `value`, which is complained of if it is no table (and then read as an empty one).
  /// `path` names it in places, `what` in messages ("node 'feed-1'").
  TableReader(Draft& draft, const TomlValue& value, std::string path, std::string what);

  /// The value of a key, nullopt if it is absent or, with a problem noted, not of the type.
  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  [[nodiscard]] std::optional<bool> boolean(std::string_view key);
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key);
  [[nodiscard]] std::optional<Nanoseconds> duration(std::string_view key);
  [[nodiscard]] std::optional<std::uint64_t> size(std::string_view key);
  /// nullptr likewise.
  [[nodiscard]] const TomlValue* table(std::string_view key);
  [[nodiscard]] const TomlValue* array(std::string_view key);
  /// Like text, but the key must be there and hold something; "" otherwise.
  [[nodiscard]] std::string required_text(std::string_view key, std::string_view example);

  /// Notes every key that was never asked for. To be called last.
  void refuse_unknown();

  [[nodiscard]] const TomlValue& value() const { return value_; }
  [[nodiscard]] std::string path(std::string_view key) const;
  void problem(std::string_view key, std::string_view what, std::string_view mend);

 private:
  const TomlValue* find(std::string_view key, TomlValue::Kind kind, std::string_view example);
  template <class T, class Parse>
  std::optional<T> parsed(std::string_view key, std::string_view example, Parse parse);

  Draft& draft_;
  const TomlValue& value_;
  std::string path_;
  std::string what_;
  std::vector<std::string_view> asked_;
};

}  // namespace forebay
