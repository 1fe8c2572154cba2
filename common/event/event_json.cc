#include "common/event/event_json.h"

#include <nlohmann/json.hpp>

#include "common/base/base64.h"
#include "common/base/limits.h"
#include "common/event/json_value.h"
#include "common/event/msgpack_out.h"

namespace forebay {
namespace {

constexpr std::string_view kSpecVersion = "1.0";
// An event without a source is printed with this one, since CloudEvents requires it.
constexpr std::string_view kUnknownSource = "forebay";

tl::unexpected<Error> bad(const std::string& attribute, std::string_view expected) {
  return fail(ErrorCode::kBadInput, "\"" + attribute + "\" is not " + std::string(expected));
}

Result<void> read_attribute(const std::string& name, const Json& value, Event& event) {
  if (name == "data") {
    if (value.is_null()) return {};
    auto data = msgpack_from_json(value);
    if (!data) return fail(data.error().in("\"data\""));
    event.data = std::move(*data);
    return {};
  }
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    // CloudEvents: neither may be empty, and two events of the same id and source are one.
    if (text.empty() && (name == "id" || name == "source")) {
      return fail(ErrorCode::kBadInput, "\"" + name + "\" is empty: leave it away to get one");
    }
    if (name == "specversion") {
      if (text != kSpecVersion) return bad(name, "\"1.0\", the version of CloudEvents spoken here");
    } else if (name == "type") {
      event.type = text;
    } else if (name == "subject") {
      event.subject = text;
    } else if (name == "time") {
      auto time = from_rfc3339(text);
      if (!time) return fail(time.error().in("\"time\""));
      event.time = *time;
    } else if (name == "data_base64") {
      auto bytes = from_base64(text);
      if (!bytes) return fail(bytes.error().in("\"data_base64\""));
      event.data.clear();
      MsgpackOut out{event.data};
      MsgpackPacker pack(out);
      pack_binary(pack, *bytes);
    } else {
      event.attributes.emplace(name, text);
    }
    return {};
  }
  if (name == "specversion" || name == "type" || name == "subject" || name == "time" ||
      name == "data_base64" || name == "id" || name == "source") {
    return value.is_null() ? Result<void>{} : bad(name, "text");
  }
  if (value.is_boolean()) {
    event.attributes.emplace(name, value.get<bool>());
  } else if (value.is_number_integer() &&
             (!value.is_number_unsigned() ||
              value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX))) {
    event.attributes.emplace(name, value.get<std::int64_t>());
  } else if (!value.is_null()) {
    return bad(name,
               "text, a 64-bit integer or a boolean, which is what an attribute can be; put it "
               "into \"data\"");
  }
  return {};
}

}  // namespace

Result<Event> event_from_json(std::string_view line) {
  auto json = parse_json(line);
  if (!json) return fail(json.error());
  if (!json->is_object()) {
    return fail(ErrorCode::kBadInput, "not a CloudEvents object ({\"type\": …, \"data\": …})");
  }
  if (json->contains("data") && json->contains("data_base64")) {
    return fail(ErrorCode::kBadInput,
                "both \"data\" and \"data_base64\"; an event has one of them");
  }
  Event event;
  for (const auto& [name, value] : json->items()) {
    if (auto read = read_attribute(name, value, event); !read) return fail(read.error());
  }
  if (event.type.empty()) {
    return fail(ErrorCode::kBadInput, "no \"type\" (noun.verb-past, such as \"stock.adjusted\")");
  }
  return event;
}

Result<std::string> event_to_json(const EventView& event, const BatchHeader& batch,
                                  std::uint64_t index) {
  Attributes attributes = event.all_attributes();
  const auto take = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = attributes.find(name);
    if (found == attributes.end()) return std::nullopt;
    const auto* text = std::get_if<std::string>(&found->second);
    if (text == nullptr) return std::nullopt;
    std::string value = *text;
    attributes.erase(found);
    return value;
  };
  Json json;
  json["specversion"] = kSpecVersion;
  json["id"] = take("id").value_or(derived_event_id(batch, index));
  json["source"] = take("source").value_or(std::string(kUnknownSource));
  json["type"] = event.type;
  if (!event.subject.empty()) json["subject"] = event.subject;
  json["time"] = to_rfc3339(event.time);
  for (const auto& [name, value] : attributes) {
    if (is_event_field(name) || json.contains(name)) continue;  // a stranger's; see encode_event
    std::visit([&, &key = name](const auto& held) { json[key] = held; }, value);
  }
  if (!event.data.empty()) {
    auto data = json_from_msgpack(event.data);
    if (!data) return fail(data.error().in("\"data\""));
    if (data->is_object() && data->size() == 1 && data->contains("$base64")) {
      json["data_base64"] = (*data)["$base64"];
    } else {
      json["data"] = std::move(*data);
    }
  }
  return print_json(json);
}

}  // namespace forebay
