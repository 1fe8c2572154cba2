#include "topology/table_reader.h"

#include <algorithm>

#include "topology/units.h"

namespace forebay {
namespace {

using Kind = TomlValue::Kind;

std::string_view name_of(Kind kind) {
  TomlValue value;
  value.kind = kind;
  return value.kind_name();
}

/// A path of places as the file has it: "hosts.a".
std::string dotted(std::string path) {
  std::replace(path.begin(), path.end(), '/', '.');
  return path;
}

const TomlValue& empty_table() {
  static const TomlValue empty;
  return empty;
}

}  // namespace

TableReader::TableReader(Draft& draft, const TomlValue& value, std::string path, std::string what)
    : draft_(draft),
      value_(value.kind == Kind::kTable ? value : empty_table()),
      path_(std::move(path)),
      what_(std::move(what)) {
  if (value.kind != Kind::kTable) {
    draft_.problems.push_back({value.place,
                               what_ + " is " + std::string(value.kind_name()) + ", not a table",
                               "write [" + dotted(path_) + "]"});
  }
}

std::string TableReader::path(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "/" + std::string(key);
}

void TableReader::problem(std::string_view key, std::string_view what, std::string_view mend) {
  draft_.problem(path(key), what_ + ": " + std::string(what), std::string(mend));
}

const TomlValue* TableReader::find(std::string_view key, Kind kind, std::string_view example) {
  asked_.push_back(key);
  for (const TomlEntry& entry : value_.entries) {
    if (entry.key != key) continue;
    draft_.places[path(key)] = entry.value.place;
    if (entry.value.kind == kind) return &entry.value;
    draft_.misread.insert(path(key));
    problem(key,
            std::string(key) + " is " + std::string(entry.value.kind_name()) + ", not " +
                std::string(name_of(kind)),
            "write " + std::string(example));
  }
  return nullptr;
}

template <class T, class Parse>
std::optional<T> TableReader::parsed(std::string_view key, std::string_view example, Parse parse) {
  const TomlValue* found = find(key, Kind::kString, example);
  if (found == nullptr) return std::nullopt;
  const Result<T> value = parse(found->text);
  if (value) return *value;
  // The units' messages end in "; " and the mend.
  const std::string& message = value.error().message;
  const auto split = message.rfind("; ");
  problem(key, std::string(key) + " " + message.substr(0, split), message.substr(split + 2));
  return std::nullopt;
}

std::optional<std::string> TableReader::text(std::string_view key) {
  const TomlValue* found = find(key, Kind::kString, std::string(key) + " = \"…\"");
  if (found == nullptr) return std::nullopt;
  return found->text;
}

std::optional<bool> TableReader::boolean(std::string_view key) {
  const TomlValue* found = find(key, Kind::kBoolean, std::string(key) + " = true or false");
  if (found == nullptr) return std::nullopt;
  return found->boolean;
}

std::optional<std::int64_t> TableReader::integer(std::string_view key) {
  const TomlValue* found = find(key, Kind::kInteger, "it without quotes or fraction");
  if (found == nullptr) return std::nullopt;
  return found->integer;
}

std::optional<Nanoseconds> TableReader::duration(std::string_view key) {
  return parsed<Nanoseconds>(key, std::string(key) + " = \"5s\", with its unit", parse_duration);
}

std::optional<std::uint64_t> TableReader::size(std::string_view key) {
  return parsed<std::uint64_t>(key, std::string(key) + " = \"8GiB\", with its unit", parse_size);
}

const TomlValue* TableReader::table(std::string_view key) {
  return find(key, Kind::kTable, "[" + dotted(path(key)) + "]");
}

const TomlValue* TableReader::array(std::string_view key) {
  return find(key, Kind::kArray, std::string(key) + " = [\"…\"]");
}

std::string TableReader::required_text(std::string_view key, std::string_view example) {
  const std::size_t problems = draft_.problems.size();
  auto found = text(key);
  if (found && !found->empty()) return *found;
  if (found || draft_.problems.size() == problems) {
    problem(key, std::string(key) + (found ? " is empty" : " is missing"),
            "add " + std::string(key) + " = \"" + std::string(example) + "\"");
  }
  return "";
}

void TableReader::refuse_unknown() {
  for (const TomlEntry& entry : value_.entries) {
    if (std::find(asked_.begin(), asked_.end(), entry.key) != asked_.end()) continue;
    draft_.problems.push_back({entry.place, what_ + ": unknown key '" + entry.key + "'",
                               mend_name(entry.key, asked_, "remove it")});
  }
}

}  // namespace forebay
