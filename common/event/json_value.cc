#include "common/event/json_value.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/base/base64.h"
#include "common/base/limits.h"
#include "common/event/msgpack_cursor.h"
#include "common/event/msgpack_out.h"

namespace forebay {
namespace {

constexpr const char* kBase64Key = "$base64";
constexpr const char* kExtensionKey = "$ext";
constexpr const char* kMapKey = "$map";
// "$map" takes three levels for one of msgpack; the event around `data` and "$base64" take one
// each.
constexpr std::size_t kJsonDepthMax = 3 * limits::kMsgpackDepthMax + 2;

bool any_twice(std::vector<std::string_view> keys) {
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) != keys.end();
}

/// Builds a Json and stops at what the parser alone would take: nesting without bound (its users
/// recurse), integers rounded to doubles, all but the last of a key that stands twice. Members are
/// appended, since the container looks each key up among all before it, which for a large object
/// takes minutes.
class JsonBuilder final : public nlohmann::json_sax<Json> {
 public:
  Json root;
  std::string problem;

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(std::int64_t value) override { return add(value); }
  bool number_unsigned(std::uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string& token) override {
    if (token.find_first_of(".eE") != std::string::npos) return add(value);
    return stop("integer " + token.substr(0, 40) + " does not fit 64 bits; write it as text");
  }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(Json::binary_t&) override { return stop("binary"); }  // not in text
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool key(std::string& value) override {
    key_ = std::move(value);
    return true;
  }
  bool end_object() override {
    std::vector<std::string_view> keys;
    for (const auto& member : open_.back()->get_ref<const Json::object_t&>()) {
      keys.push_back(member.first);
    }
    open_.pop_back();
    return !any_twice(std::move(keys)) || stop("a key stands twice in one object");
  }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_array() override {
    open_.pop_back();
    return true;
  }
  bool parse_error(std::size_t byte, const std::string&, const Json::exception& error) override {
    constexpr int kNumberOverflow = 406;
    // The parser has one id for all that is no JSON; only its text tells this one.
    const bool not_utf8 =
        std::string_view(error.what()).find("ill-formed UTF-8") != std::string_view::npos;
    const char* what = error.id == kNumberOverflow ? "number out of range before byte "
                       : not_utf8                  ? "not UTF-8 at byte "
                                                   : "not JSON at byte ";
    return stop(what + std::to_string(byte));
  }

 private:
  Json* place(Json value) {
    if (open_.empty()) return &(root = std::move(value));
    if (open_.back()->is_array()) {
      auto& elements = open_.back()->get_ref<Json::array_t&>();
      return &elements.emplace_back(std::move(value));
    }
    auto& members = open_.back()->get_ref<Json::object_t&>();
    return &members.emplace_back(std::move(key_), std::move(value)).second;
  }
  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json container) {
    if (open_.size() == kJsonDepthMax) {
      return stop("JSON nested deeper than " + std::to_string(kJsonDepthMax) + " levels");
    }
    open_.push_back(place(std::move(container)));
    return true;
  }
  bool stop(std::string why) {
    problem = std::move(why);
    return false;
  }

  std::vector<Json*> open_;  // stay where they are: only the innermost grows
  std::string key_;          // of the next member
};

std::string_view as_text(const msgpack::object& object) {
  return {object.via.str.ptr, object.via.str.size};
}

/// Whether a map of `size` entries, `key` among them, might be read back as one of the wrappers.
bool like_a_wrapper(std::size_t size, std::string_view key) {
  return size <= 2 && (key == kBase64Key || key == kMapKey);
}

Json to_json(const msgpack::object& object);

Json map_to_json(const msgpack::object_map& map) {
  Json object = Json::object();
  std::vector<std::string_view> keys;
  bool plain = true;
  for (std::uint32_t i = 0; plain && i < map.size; ++i) {
    plain = map.ptr[i].key.type == msgpack::type::STR;
    if (plain) keys.push_back(as_text(map.ptr[i].key));
    plain = plain && !like_a_wrapper(map.size, keys.back());
  }
  if (plain && !any_twice(std::move(keys))) {
    auto& members = object.get_ref<Json::object_t&>();  // appended to, as in JsonBuilder
    for (std::uint32_t i = 0; i < map.size; ++i) {
      members.emplace_back(as_text(map.ptr[i].key), to_json(map.ptr[i].val));
    }
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
      return std::string(as_text(object));
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

/// The packer's own pack_double makes an integer of 1.0.
void pack_float64(MsgpackPacker& pack, double value) {
  std::string bytes = "\xcb";
  const auto bits = std::bit_cast<std::uint64_t>(value);
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(bits >> shift));
  pack.pack_bin_body(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
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
  const std::int64_t number = type.is_number_integer() ? type.get<std::int64_t>() : 128;
  if (number < -128 || number > 127 || (type.is_number_unsigned() && number < 0)) {
    return fail(ErrorCode::kBadInput, "\"$ext\" is not an integer from -128 to 127");
  }
  pack.pack_ext(bytes->size(), static_cast<std::int8_t>(number));
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
      pack_float64(pack, value.get<double>());
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
  JsonBuilder builder;
  if (!Json::sax_parse(text, &builder)) return fail(ErrorCode::kBadInput, builder.problem);
  return std::move(builder.root);
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
