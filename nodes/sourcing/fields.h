// The fields of a msgpack map from outside, read by name and checked. The first thing that is wrong
// is kept, with the field's path and what is allowed; after it, every reading gives an empty value.
// So a decoder reads all its fields and asks once at the end.
//
//   Fields fields(data);
//   const StockSet event{fields.name("sku"), fields.name("fc"), fields.integer("on_hand")};
//   if (fields.error()) …
//
// Texts are borrowed from the data. Fields nobody asks for are passed over.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/event/msgpack_reader.h"
#include "nodes/sourcing/calendar.h"

namespace forebay {

struct FieldError {
  std::string field;    // its path, e.g. "lines[2].sku"; empty: the value as a whole
  std::string message;  // what is allowed
};

class Fields {
 public:
  /// `value`: one msgpack value that passed check_msgpack. `path` stands before the names of fields
  /// in errors.
  explicit Fields(std::string_view value, std::string path = {});

  [[nodiscard]] const std::optional<FieldError>& error() const { return error_; }
  /// Keeps an error that was found elsewhere, if it is the first.
  void refuse(std::string_view field, std::string message);
  void adopt(const Fields& part);

  /// Whether the field is there and not nil.
  [[nodiscard]] bool has(std::string_view field);
  /// Refuses any field but these.
  void allow_only(std::span<const std::string_view> names);
  /// The field's bytes; refused if it is absent.
  [[nodiscard]] std::string_view raw(std::string_view field);
  [[nodiscard]] std::string_view text(std::string_view field);
  /// What names an item, place, carrier, zone or attribute: UTF-8 text of 1 to
  /// limits::kSourcingNameBytesMax bytes.
  [[nodiscard]] std::string_view name(std::string_view field);
  /// Sorted by bytes, each once.
  [[nodiscard]] std::vector<std::string_view> names(std::string_view field);
  [[nodiscard]] std::int64_t integer(std::string_view field,
                                     std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                                     std::int64_t most = std::numeric_limits<std::int64_t>::max());
  [[nodiscard]] CivilDate date(std::string_view field);
  [[nodiscard]] TimeOfDay time_of_day(std::string_view field);
  [[nodiscard]] WeekDays week_days(std::string_view field);
  /// A name that is an IANA time zone of this machine's tzdata.
  [[nodiscard]] std::string_view time_zone(std::string_view field);
  /// The elements' bytes.
  [[nodiscard]] std::vector<std::string_view> array(std::string_view field);
  /// A map of its own, to be read and adopted.
  [[nodiscard]] Fields map(std::string_view field);

 private:
  /// The field's bytes; refused if it is there twice.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view field);
  /// Its first token; refused if the field is absent.
  [[nodiscard]] std::optional<MsgpackToken> token(std::string_view field);

  struct Pair {
    std::optional<std::string_view> name;  // none: the key is not text
    std::string_view value;
  };
  [[nodiscard]] static std::optional<Pair> next_pair(MsgpackReader& reader);
  /// Calls `visit(pair)` for each, in order.
  template <class Visit>
  void for_each(Visit visit) const;

  static constexpr std::uint32_t kReadAtOnce = 8;  // more than any map of a schema has
  std::array<Pair, kReadAtOnce> pairs_;            // the first ones
  std::string_view more_;                          // the others, read each time
  std::uint32_t count_ = 0;
  std::string path_;
  std::optional<FieldError> error_;
};

/// Whether `text` may be a name in the sense of Fields::name.
[[nodiscard]] bool is_sourcing_name(std::string_view text);

}  // namespace forebay
