#include "common/event/json_value.h"

#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "common/base/base64.h"
#include "common/base/limits.h"
#include "common/event/msgpack_cursor.h"
#include "common/event/msgpack_out.h"

namespace forebay {
namespace {

constexpr const char* kBase64Key = "$base64";
constexpr const char* kExtensionKey = "$ext";
constexpr const char* kMapKey = "$map";
// The event around `data` and the wrappers above take levels of their own.
constexpr int kJsonDepthMax = 2 * limits::kMsgpackDepthMax + 4;

bool is_integer_too_large(std::string_view token) {
  if (token.find_first_of(".eE") != std::string_view::npos) return false;
  std::int64_t as_signed = 0;
  std::uint64_t as_unsigned = 0;
  const char* end = token.data() + token.size();
  return std::from_chars(token.data(), end, as_signed).ec == std::errc::result_out_of_range &&
         std::from_chars(token.data(), end, as_unsigned).ec != std::errc{};
}

/// What the parser would take but must not: too deep (its users recurse), or an integer it would
/// round.
Result<void> check_json_text(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kJsonDepthMax) {
        return fail(ErrorCode::kBadInput, "JSON nested deeper than " +
                                              std::to_string(kJsonDepthMax) + " levels at byte " +
                                              std::to_string(i + 1));
      }
    } else if (c == ']' || c == '}') {
      --depth;
    } else if (c == '-' || (c >= '0' && c <= '9')) {
      const std::size_t end = std::min(text.find_first_not_of("+-.0123456789eE", i), text.size());
      const std::string_view token = text.substr(i, end - i);
      if (is_integer_too_large(token)) {
        return fail(ErrorCode::kBadInput, "integer " + std::string(token.substr(0, 40)) +
                                              " does not fit 64 bits; write it as text");
      }
      i = end - 1;
    }
  }
  return {};
}

std::string as_text(const msgpack::object& object) {
  return {object.via.str.ptr, object.via.str.size};
}

Json to_json(const msgpack::object& object);

Json map_to_json(const msgpack::object_map& map) {
  Json object = Json::object();
  bool text_keys = true;
  for (std::uint32_t i = 0; i < map.size; ++i)
    text_keys &= map.ptr[i].key.type == msgpack::type::STR;
  if (text_keys) {
    for (std::uint32_t i = 0; i < map.size; ++i)
      object[as_text(map.ptr[i].key)] = to_json(map.ptr[i].val);
    return object;
  }
  Json pairs = Json::array();
  for (std::uint32_t i = 0; i < map.size; ++i) {
    pairs.push_back(Json::array({to_json(map.ptr[i].key), to_json(map.ptr[i].val)}));
  }
  object[kMapKey] = std::move(pairs);
  return object;
}

Json to_json(const msgpack::object& object) {
  switch (object.type) {
    case msgpack::type::NIL:
      return nullptr;
    case msgpack::type::BOOLEAN:
      return object.via.boolean;
    case msgpack::type::POSITIVE_INTEGER:
      return object.via.u64;
    case msgpack::type::NEGATIVE_INTEGER:
      return object.via.i64;
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64:
      return object.via.f64;
    case msgpack::type::STR:
      return as_text(object);
    case msgpack::type::BIN:
      return {{kBase64Key, to_base64({object.via.bin.ptr, object.via.bin.size})}};
    case msgpack::type::EXT:
      return {{kBase64Key, to_base64({object.via.ext.data(), object.via.ext.size})},
              {kExtensionKey, object.via.ext.type()}};
    case msgpack::type::ARRAY: {
      Json array = Json::array();
      for (std::uint32_t i = 0; i < object.via.array.size; ++i) {
        array.push_back(to_json(object.via.array.ptr[i]));
      }
      return array;
    }
    case msgpack::type::MAP:
      return map_to_json(object.via.map);
  }
  return nullptr;
}

Result<void> pack_json(MsgpackPacker& pack, const Json& value);

Result<void> pack_wrapped_bytes(MsgpackPacker& pack, const Json& object) {
  const Json& text = object.at(kBase64Key);
  if (!text.is_string()) return fail(ErrorCode::kBadInput, "\"$base64\" is not text");
  auto bytes = from_base64(text.get_ref<const std::string&>());
  if (!bytes) return fail(bytes.error().in("\"$base64\""));
  if (object.size() == 1) {
    pack_binary(pack, *bytes);
    return {};
  }
  const Json& type = object.at(kExtensionKey);
  if (!type.is_number_integer() || type.get<std::int64_t>() < -128 ||
      type.get<std::int64_t>() > 127) {
    return fail(ErrorCode::kBadInput, "\"$ext\" is not an integer from -128 to 127");
  }
  pack.pack_ext(bytes->size(), static_cast<std::int8_t>(type.get<std::int64_t>()));
  pack.pack_ext_body(bytes->data(), static_cast<std::uint32_t>(bytes->size()));
  return {};
}

Result<void> pack_object(MsgpackPacker& pack, const Json& object) {
  if (object.contains(kBase64Key) &&
      (object.size() == 1 || (object.size() == 2 && object.contains(kExtensionKey)))) {
    return pack_wrapped_bytes(pack, object);
  }
  const auto pairs = object.find(kMapKey);
  if (pairs != object.end() && object.size() == 1 && pairs->is_array()) {
    pack.pack_map(static_cast<std::uint32_t>(pairs->size()));
    for (const Json& pair : *pairs) {
      if (!pair.is_array() || pair.size() != 2) {
        return fail(ErrorCode::kBadInput, "\"$map\" is not a list of [key, value]");
      }
      if (auto packed = pack_json(pack, pair[0]); !packed) return packed;
      if (auto packed = pack_json(pack, pair[1]); !packed) return packed;
    }
    return {};
  }
  pack.pack_map(static_cast<std::uint32_t>(object.size()));
  for (const auto& [key, value] : object.items()) {
    pack_text(pack, key);
    if (auto packed = pack_json(pack, value); !packed) return packed;
  }
  return {};
}

Result<void> pack_json(MsgpackPacker& pack, const Json& value) {
  switch (value.type()) {
    case Json::value_t::boolean:
      value.get<bool>() ? pack.pack_true() : pack.pack_false();
      break;
    case Json::value_t::number_integer:
      pack.pack_int64(value.get<std::int64_t>());
      break;
    case Json::value_t::number_unsigned:
      pack.pack_uint64(value.get<std::uint64_t>());
      break;
    case Json::value_t::number_float:
      pack.pack_double(value.get<double>());
      break;
    case Json::value_t::string:
      pack_text(pack, value.get_ref<const std::string&>());
      break;
    case Json::value_t::array:
      pack.pack_array(static_cast<std::uint32_t>(value.size()));
      for (const Json& element : value) {
        if (auto packed = pack_json(pack, element); !packed) return packed;
      }
      break;
    case Json::value_t::object:
      return pack_object(pack, value);
    default:
      pack.pack_nil();
      break;
  }
  return {};
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
  if (auto sound = check_json_text(text); !sound) return fail(sound.error());
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    return fail(ErrorCode::kBadInput, "not JSON at byte " + std::to_string(error.byte));
  }
}

std::string print_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Json> json_from_msgpack(std::string_view encoded) {
  MsgpackCursor cursor(encoded);
  if (!cursor.any() || !cursor.at_end()) {
    return fail(ErrorCode::kCorruption, "not exactly one msgpack value of at most " +
                                            std::to_string(limits::kMsgpackDepthMax) + " levels");
  }
  const msgpack::object_handle handle = msgpack::unpack(encoded.data(), encoded.size());
  return to_json(handle.get());
}

Result<std::string> msgpack_from_json(const Json& value) {
  std::string bytes;
  MsgpackOut out{bytes};
  MsgpackPacker pack(out);
  if (auto packed = pack_json(pack, value); !packed) return fail(packed.error());
  return bytes;
}

}  // namespace forebay
