#include "common/event/event_codec.h"

#include "common/base/limits.h"
#include "common/event/msgpack_cursor.h"
#include "common/event/msgpack_out.h"

namespace forebay {
namespace {

Result<void> check_text(std::string_view name, std::string_view value) {
  if (value.empty() || value.size() > limits::kAttributeBytesMax) {
    return fail(ErrorCode::kBadInput, std::string(name) + " has " + std::to_string(value.size()) +
                                          " bytes; it may have 1 to " +
                                          std::to_string(limits::kAttributeBytesMax));
  }
  return {};
}

Result<void> check_attribute(const std::string& name, const AttributeValue& value) {
  if (auto sound = check_text("an attribute's name", name); !sound) return sound;
  if (is_event_field(name)) {
    return fail(ErrorCode::kBadInput, "\"" + name + "\" is a field of the event, not an attribute");
  }
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr && (name == "id" || name == "source")) {
    return fail(ErrorCode::kBadInput, "attribute " + name + " is not text");
  }
  if (text != nullptr && text->size() > limits::kAttributeBytesMax) {
    return fail(ErrorCode::kBadInput, "attribute " + name + " has " + std::to_string(text->size()) +
                                          " bytes; it may have 0 to " +
                                          std::to_string(limits::kAttributeBytesMax));
  }
  return {};
}

Result<void> pack_attributes(MsgpackPacker& pack, const Attributes& attributes) {
  if (attributes.size() > limits::kAttributesMax) {
    return fail(ErrorCode::kBadInput, std::to_string(attributes.size()) +
                                          " attributes; an event may have " +
                                          std::to_string(limits::kAttributesMax));
  }
  pack.pack_map(static_cast<std::uint32_t>(attributes.size()));
  for (const auto& [name, value] : attributes) {
    if (auto sound = check_attribute(name, value); !sound) return sound;
    pack_text(pack, name);
    if (const auto* text = std::get_if<std::string>(&value)) {
      pack_text(pack, *text);
    } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
      pack.pack_int64(*number);
    } else if (std::get<bool>(value)) {
      pack.pack_true();
    } else {
      pack.pack_false();
    }
  }
  return {};
}

Result<void> append_event(const Event& event, WallTime now, std::string& bytes) {
  if (auto sound = check_text("type", event.type); !sound) return sound;
  if (!event.subject.empty()) {
    if (auto sound = check_text("subject", event.subject); !sound) return sound;
  }
  const std::size_t begin = bytes.size();
  MsgpackOut out{bytes};
  MsgpackPacker pack(out);
  pack.pack_array(5);
  pack_text(pack, event.type);
  if (event.subject.empty()) {
    pack.pack_nil();
  } else {
    pack_text(pack, event.subject);
  }
  pack.pack_int64(unix_ns(event.time.value_or(now)));
  if (event.data.empty()) {
    pack.pack_nil();
  } else {
    MsgpackCursor data(event.data);
    if (!data.any() || !data.at_end()) {
      return fail(ErrorCode::kBadInput, "data is not one msgpack value of at most " +
                                            std::to_string(limits::kMsgpackDepthMax) + " levels");
    }
    bytes.append(event.data);
  }
  if (auto packed = pack_attributes(pack, event.attributes); !packed) return packed;
  if (bytes.size() - begin > limits::kEventBytesMax) {
    return fail(ErrorCode::kBadInput,
                "an event of " + std::to_string(bytes.size() - begin) + " bytes; the limit is " +
                    std::to_string(limits::kEventBytesMax) +
                    ": put what is large elsewhere and its place in the event");
  }
  return {};
}

/// Steps over an attribute map; false if it is not of the form.
bool skip_attributes(MsgpackCursor& cursor) {
  const auto entries = cursor.map();
  if (!entries || *entries > limits::kAttributesMax) return false;
  for (std::size_t i = 0; i < *entries; ++i) {
    const auto name = cursor.text();
    if (!name || name->empty() || name->size() > limits::kAttributeBytesMax) return false;
    if (const auto text = cursor.text()) {
      if (text->size() > limits::kAttributeBytesMax) return false;
    } else if (!cursor.integer() && !cursor.boolean()) {
      return false;
    }
  }
  return true;
}

}  // namespace

Result<void> encode_event(const Event& event, WallTime now, std::string& out) {
  const std::size_t before = out.size();
  auto appended = append_event(event, now, out);
  if (!appended) out.resize(before);
  return appended;
}

Result<EventView> decode_event(std::string_view encoded, std::string_view shared) {
  const auto bad = [](const char* what) {
    return fail(ErrorCode::kCorruption, std::string("an event whose ") + what +
                                            " is not as docs/protocol.md section 2 has it");
  };
  MsgpackCursor cursor(encoded);
  EventView event;
  event.shared = shared;
  if (cursor.array() != 5u) return bad("envelope");
  const auto type = cursor.text();
  if (!type || type->empty() || type->size() > limits::kAttributeBytesMax) return bad("type");
  event.type = *type;
  if (!cursor.nil()) {
    const auto subject = cursor.text();
    if (!subject || subject->empty() || subject->size() > limits::kAttributeBytesMax) {
      return bad("subject");
    }
    event.subject = *subject;
  }
  const auto time = cursor.integer();
  if (!time) return bad("time");
  event.time = wall_from_unix_ns(*time);
  if (!cursor.nil()) {
    const auto data = cursor.any();
    if (!data) return bad("data");
    event.data = *data;
  }
  const std::size_t attributes_at = cursor.offset();
  if (!skip_attributes(cursor)) return bad("attribute map");
  event.attributes = encoded.substr(attributes_at, cursor.offset() - attributes_at);
  if (!cursor.at_end()) return bad("end");
  return event;
}

Result<std::string> encode_attributes(const Attributes& attributes) {
  std::string bytes;
  MsgpackOut out{bytes};
  MsgpackPacker pack(out);
  if (auto packed = pack_attributes(pack, attributes); !packed) return fail(packed.error());
  if (bytes.size() > limits::kSharedBytesMax) {
    return fail(ErrorCode::kBadInput, "shared attributes of " + std::to_string(bytes.size()) +
                                          " bytes; the limit is " +
                                          std::to_string(limits::kSharedBytesMax));
  }
  return bytes;
}

Result<void> check_attributes(std::string_view encoded) {
  MsgpackCursor cursor(encoded);
  if (encoded.size() > limits::kSharedBytesMax || !skip_attributes(cursor) || !cursor.at_end()) {
    return fail(ErrorCode::kBadInput,
                "shared attributes are not a map of text to text, int or bool within the limits");
  }
  return {};
}

}  // namespace forebay
