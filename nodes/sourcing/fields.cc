#include "nodes/sourcing/fields.h"

#include <algorithm>

#include "common/base/limits.h"

namespace forebay {
namespace {

const std::string kNameRule =
    "must be UTF-8 text of 1 to " + std::to_string(limits::kSourcingNameBytesMax) + " bytes";

/// The length of the UTF-8 character at the front, 0 if there is none: no overlong form, no
/// surrogate, at most U+10FFFF.
std::size_t utf8_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i, unsigned least = 0x80, unsigned most = 0xbf) {
    return i < text.size() && byte(i) >= least && byte(i) <= most;
  };
  const unsigned first = byte(0);
  if (first <= 0x7f) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    return follows(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf) && follows(2) ? 3
                                                                                              : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool second = follows(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf);
    return second && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool is_sourcing_name(std::string_view text) {
  if (text.empty() || text.size() > limits::kSourcingNameBytesMax) return false;
  while (!text.empty()) {
    const std::size_t size = utf8_character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

Fields::Fields(std::string_view value, std::string path) : path_(std::move(path)) {
  MsgpackReader reader(value);
  const auto head = reader.next();
  if (!head || head->kind != MsgpackKind::kMap) {
    if (path_.ends_with('.')) path_.pop_back();
    error_ = FieldError{path_, "must be a map"};
    return;
  }
  for (; count_ < head->count && count_ < kReadAtOnce; ++count_) {
    const auto pair = next_pair(reader);
    if (!pair) return;
    pairs_[count_] = *pair;
  }
  count_ = head->count;
  more_ = reader.rest();
}

std::optional<Fields::Pair> Fields::next_pair(MsgpackReader& reader) {
  const auto key = reader.value();
  const auto value = reader.value();
  if (!key || !value) return std::nullopt;  // check_msgpack has ruled it out
  const auto name = MsgpackReader(*key).next();
  return Pair{name->kind == MsgpackKind::kText ? std::optional(name->bytes) : std::nullopt, *value};
}

template <class Visit>
void Fields::for_each(Visit visit) const {
  for (std::uint32_t i = 0; i < std::min(count_, kReadAtOnce); ++i) visit(pairs_[i]);
  MsgpackReader reader(more_);
  for (std::uint32_t i = kReadAtOnce; i < count_; ++i) {
    const auto pair = next_pair(reader);
    if (!pair) return;
    visit(*pair);
  }
}

void Fields::refuse(std::string_view field, std::string message) {
  if (!error_) error_ = FieldError{path_ + std::string(field), std::move(message)};
}

void Fields::adopt(const Fields& part) {
  if (!error_) error_ = part.error_;
}

std::optional<std::string_view> Fields::find(std::string_view field) {
  if (error_) return std::nullopt;
  std::optional<std::string_view> found;
  bool twice = false;
  for_each([&](const Pair& pair) {
    if (pair.name != field) return;
    twice |= found.has_value();
    found = pair.value;
  });
  if (!twice) return found;
  refuse(field, "is there twice");
  return std::nullopt;
}

std::optional<MsgpackToken> Fields::token(std::string_view field) {
  const std::string_view bytes = raw(field);
  if (error_) return std::nullopt;
  return MsgpackReader(bytes).next();
}

bool Fields::has(std::string_view field) {
  const auto found = find(field);
  return found && MsgpackReader(*found).next()->kind != MsgpackKind::kNil;
}

void Fields::allow_only(std::span<const std::string_view> names) {
  for_each([&](const Pair& pair) {
    if (error_) return;
    if (!pair.name) {
      refuse("", "has a field whose name is not text");
    } else if (std::find(names.begin(), names.end(), *pair.name) == names.end()) {
      refuse(is_sourcing_name(*pair.name) ? *pair.name : "", "is not a known field");
    }
  });
}

std::string_view Fields::raw(std::string_view field) {
  const auto found = find(field);
  if (!found) refuse(field, "is missing");
  return found.value_or(std::string_view{});
}

std::string_view Fields::text(std::string_view field) {
  const auto found = token(field);
  if (found && found->kind != MsgpackKind::kText) refuse(field, "must be text");
  return error_ ? std::string_view{} : found->bytes;
}

std::string_view Fields::name(std::string_view field) {
  const auto found = token(field);
  if (found && (found->kind != MsgpackKind::kText || !is_sourcing_name(found->bytes))) {
    refuse(field, kNameRule);
  }
  return error_ ? std::string_view{} : found->bytes;
}

std::vector<std::string_view> Fields::array(std::string_view field) {
  std::vector<std::string_view> elements;
  const std::string_view bytes = raw(field);
  if (error_) return elements;
  MsgpackReader reader(bytes);
  const auto head = reader.next();
  if (head->kind != MsgpackKind::kArray) {
    refuse(field, "must be an array");
    return elements;
  }
  elements.reserve(head->count);  // no more than there are bytes
  for (std::uint32_t i = 0; i < head->count; ++i) elements.push_back(reader.value().value_or(""));
  return elements;
}

std::vector<std::string_view> Fields::names(std::string_view field) {
  std::vector<std::string_view> elements = array(field);
  for (std::string_view& element : elements) {
    const auto found = MsgpackReader(element).next();
    if (!found || found->kind != MsgpackKind::kText || !is_sourcing_name(found->bytes)) {
      refuse(field, "each entry " + kNameRule);
      return {};
    }
    element = found->bytes;
  }
  std::sort(elements.begin(), elements.end());
  elements.erase(std::unique(elements.begin(), elements.end()), elements.end());
  return elements;
}

std::int64_t Fields::integer(std::string_view field, std::int64_t least, std::int64_t most) {
  const auto found = token(field);
  if (found &&
      (found->kind != MsgpackKind::kInteger || found->integer < least || found->integer > most)) {
    refuse(field,
           "must be an integer from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return error_ ? std::max(least, std::int64_t{0}) : found->integer;
}

CivilDate Fields::date(std::string_view field) {
  const auto found = token(field);
  const auto date =
      found && found->kind == MsgpackKind::kText ? parse_date(found->bytes) : std::nullopt;
  if (!date) refuse(field, "must be a day of the calendar, YYYY-MM-DD, e.g. 2026-03-01");
  return date.value_or(CivilDate{});
}

TimeOfDay Fields::time_of_day(std::string_view field) {
  const auto found = token(field);
  const auto time =
      found && found->kind == MsgpackKind::kText ? parse_time_of_day(found->bytes) : std::nullopt;
  if (!time) refuse(field, "must be a time of day, HH:MM from 00:00 to 23:59");
  return time.value_or(TimeOfDay{});
}

WeekDays Fields::week_days(std::string_view field) {
  WeekDays days = 0;
  for (const std::string_view element : array(field)) {
    const auto day = MsgpackReader(element).next();
    if (!day || day->kind != MsgpackKind::kInteger || day->integer < 1 || day->integer > 7) {
      refuse(field, "each entry must be an integer from 1 (Monday) to 7 (Sunday)");
      return 0;
    }
    days = static_cast<WeekDays>(days | 1u << (day->integer - 1));
  }
  return days;
}

std::string_view Fields::time_zone(std::string_view field) {
  const std::string_view zone = name(field);
  if (!error_ && !time_zone_exists(zone)) {
    refuse(field, "must be an IANA time zone known here, e.g. Europe/Berlin; '" +
                      std::string(zone) + "' is none (is the tzdata package up to date?)");
  }
  return zone;
}

Fields Fields::map(std::string_view field) {
  Fields part(raw(field), path_ + std::string(field) + ".");
  if (error_) part.error_ = error_;
  return part;
}

}  // namespace forebay
