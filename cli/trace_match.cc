#include "cli/trace_match.h"

#include <algorithm>
#include <charconv>

#include "common/base/limits.h"

namespace forebay {
namespace {

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::optional<std::string_view> trace_id_of(std::string_view traceparent) {
  // version "-" trace-id "-" parent-id "-" flags
  constexpr std::size_t kTraceAt = 3, kTraceDigits = 32, kParentAt = 36, kFlagsAt = 53, kEnd = 55;
  if (traceparent.size() < kEnd) return std::nullopt;
  const std::string_view version = traceparent.substr(0, 2);
  const std::string_view trace = traceparent.substr(kTraceAt, kTraceDigits);
  const std::string_view parent = traceparent.substr(kParentAt, 16);
  const auto zeros = [](std::string_view id) {
    return id.find_first_not_of('0') == std::string_view::npos;
  };
  const bool sound = traceparent[kTraceAt - 1] == '-' && traceparent[kParentAt - 1] == '-' &&
                     traceparent[kFlagsAt - 1] == '-' && is_lower_hex(version) && version != "ff" &&
                     is_lower_hex(trace) && !zeros(trace) && is_lower_hex(parent) &&
                     !zeros(parent) && is_lower_hex(traceparent.substr(kFlagsAt, 2));
  const bool ends = traceparent.size() == kEnd || (version != "00" && traceparent[kEnd] == '-');
  return sound && ends ? std::optional(trace) : std::nullopt;
}

Result<Sought> Sought::of(std::string text) {
  if (text.empty() || text.size() > limits::kAttributeBytesMax) {
    return fail(ErrorCode::kBadInput, "an id has 1 to " +
                                          std::to_string(limits::kAttributeBytesMax) +
                                          " bytes, this one " + std::to_string(text.size()));
  }
  Sought sought;
  sought.trace_id_ = trace_id_of(text).value_or(text);
  if (const auto token = Position::from_token(text)) sought.token_ = *token;
  if (const std::size_t colon = text.rfind(':'); colon != std::string::npos) {
    const auto sequence = number_of<std::uint64_t>(std::string_view(text).substr(colon + 1));
    if (sequence && !sought.token_ && is_name(std::string_view(text).substr(0, colon))) {
      sought.stream_ = text.substr(0, colon);
      sought.sequence_ = Sequence{*sequence};
    }
  }
  sought.number_ = number_of<std::int64_t>(text);
  sought.text_ = std::move(text);
  return sought;
}

bool Sought::is_at(std::string_view stream, const BatchHeader& batch, std::uint64_t index) const {
  const Sequence sequence = batch.first() + index;
  if (token_)
    return token_->sequence == sequence && token_->incarnation == batch.origin.incarnation;
  return !stream_.empty() && sequence_ == sequence && stream_ == stream;
}

/// Whether it may be an id of the batch's events that were published without one.
bool Sought::names_producer(const BatchHeader& batch) const {
  constexpr std::size_t kProducerDigits = 16;
  return text_.size() > kProducerDigits && text_[kProducerDigits] == '-' &&
         text_.starts_with(hex(batch.origin.producer));
}

bool Sought::may_be(std::string_view stream, const BatchHeader& batch, std::uint64_t index,
                    std::string_view shared, std::string_view encoded) const {
  const auto has = [this](std::string_view bytes) {
    return bytes.find(trace_id_) != std::string_view::npos;
  };
  return number_ || has(encoded) || has(shared) || is_at(stream, batch, index) ||
         names_producer(batch);
}

bool Sought::is(std::string_view stream, const BatchHeader& batch, std::uint64_t index,
                const EventView& event) const {
  if (is_at(stream, batch, index)) return true;
  const Attributes attributes = event.all_attributes();
  for (const char* name : {"id", "correlationid", "causationid"}) {
    if (attribute_text(attributes, name) == text_) return true;
  }
  const std::string traceparent = attribute_text(attributes, "traceparent");
  if (trace_id_of(traceparent) == std::string_view(trace_id_)) return true;
  return !event.text_attribute("id") && names_producer(batch) &&
         derived_event_id(batch, index) == text_;
}

std::string attribute_text(const Attributes& attributes, std::string_view name) {
  const auto found = attributes.find(name);
  if (found == attributes.end()) return {};
  if (const auto* text = std::get_if<std::string>(&found->second)) return *text;
  if (const auto* number = std::get_if<std::int64_t>(&found->second))
    return std::to_string(*number);
  return std::get<bool>(found->second) ? "true" : "false";
}

}  // namespace forebay
