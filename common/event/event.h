// One event: the CloudEvents attributes Forebay knows by name, any further ones, and `data` as one
// msgpack value.
//
// Event owns its bytes and is what a publisher fills in. EventView borrows from a batch and is what
// a handler reads; it lives as long as the batch's bytes. Encoding and grammar: event_codec.h.
// JSON: event_json.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/clock.h"

namespace forebay {

/// The value of an attribute beyond type, subject and time (`id`, `source`, `traceparent`, any
/// extension).
using AttributeValue = std::variant<std::string, std::int64_t, bool>;
using Attributes = std::map<std::string, AttributeValue, std::less<>>;

/// Whether an event in JSON has a member `name` that is no attribute (type, subject, time, data,
/// …): no attribute may be called so.
[[nodiscard]] bool is_event_field(std::string_view name);

struct Event {
  std::string type = {};              // noun.verb-past, 1 to 4,096 bytes
  std::string subject = {};           // what it is about; empty: none
  std::optional<WallTime> time = {};  // none: the publisher library fills in its clock
  std::string data = {};              // one msgpack value; empty: no data
  Attributes attributes =
      {};  // id, source, dataschema, datacontenttype, traceparent, correlationid,
           // causationid, …
};

struct EventView {
  std::string_view type;
  std::string_view subject;
  WallTime time;
  std::string_view data;  // one msgpack value, checked for depth and element counts; empty: no data
  std::string_view attributes;  // msgpack map of this event's own attributes
  std::string_view shared;  // msgpack map of what all events of its batch share; own attributes win

  /// The value of an attribute that is text, own or shared; nullopt if absent or not text.
  [[nodiscard]] std::optional<std::string_view> text_attribute(std::string_view name) const;
  /// Own and shared attributes in one map.
  [[nodiscard]] Attributes all_attributes() const;
};

}  // namespace forebay
