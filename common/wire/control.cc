#include "common/wire/control.h"

#include <limits>
#include <msgpack.hpp>
#include <type_traits>

#include "common/base/limits.h"
#include "common/event/msgpack_cursor.h"
#include "common/event/msgpack_out.h"

namespace forebay {
namespace {

void pack_value(MsgpackPacker& pack, const std::string& value) { pack_text(pack, value); }
void pack_value(MsgpackPacker& pack, bool value) { value ? pack.pack_true() : pack.pack_false(); }
void pack_value(MsgpackPacker& pack, std::uint64_t value) { pack.pack_uint64(value); }
void pack_value(MsgpackPacker& pack, std::int64_t value) { pack.pack_int64(value); }
void pack_value(MsgpackPacker& pack, ErrorCode value) { pack_text(pack, to_string(value)); }
template <class Tag>
void pack_value(MsgpackPacker& pack, const RandomId<Tag>& value) {
  pack_binary(pack, value.view());
}
template <class Tag, class T>
void pack_value(MsgpackPacker& pack, const Number<Tag, T>& value) {
  pack.pack_uint64(value.value);
}

struct CountFields {
  std::uint32_t count = 0;
  template <class T>
  void operator()(std::string_view, T&, Presence = Presence::kRequired) {
    ++count;
  }
};

struct PackFields {
  MsgpackPacker& pack;
  template <class T>
  void operator()(std::string_view name, T& value, Presence = Presence::kRequired) {
    pack_text(pack, name);
    pack_value(pack, value);
  }
};

bool read_value(const msgpack::object& from, std::string& to) {
  if (from.type != msgpack::type::STR) return false;
  to.assign(from.via.str.ptr, from.via.str.size);
  return true;
}
bool read_value(const msgpack::object& from, bool& to) {
  to = from.type == msgpack::type::BOOLEAN && from.via.boolean;
  return from.type == msgpack::type::BOOLEAN;
}
bool read_value(const msgpack::object& from, std::uint64_t& to) {
  to = from.type == msgpack::type::POSITIVE_INTEGER ? from.via.u64 : 0;
  return from.type == msgpack::type::POSITIVE_INTEGER;
}
bool read_value(const msgpack::object& from, std::int64_t& to) {
  if (from.type == msgpack::type::NEGATIVE_INTEGER) {
    to = from.via.i64;
    return true;
  }
  std::uint64_t number = 0;
  if (!read_value(from, number) ||
      number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return false;
  }
  to = static_cast<std::int64_t>(number);
  return true;
}
bool read_value(const msgpack::object& from, ErrorCode& to) {
  std::string name;
  if (!read_value(from, name)) return false;
  to = error_code_from(name);
  return true;
}
template <class Tag>
bool read_value(const msgpack::object& from, RandomId<Tag>& to) {
  if (from.type != msgpack::type::BIN) return false;
  const auto id = RandomId<Tag>::from_bytes({from.via.bin.ptr, from.via.bin.size});
  if (id) to = *id;
  return id.has_value();
}
template <class Tag, class T>
bool read_value(const msgpack::object& from, Number<Tag, T>& to) {
  std::uint64_t number = 0;
  if (!read_value(from, number) || number > std::numeric_limits<T>::max()) return false;
  to.value = static_cast<T>(number);
  return true;
}

const msgpack::object* find_key(const msgpack::object_map& map, std::string_view key) {
  for (std::uint32_t i = 0; i < map.size; ++i) {
    const msgpack::object& name = map.ptr[i].key;
    if (name.type == msgpack::type::STR &&
        std::string_view(name.via.str.ptr, name.via.str.size) == key) {
      return &map.ptr[i].val;
    }
  }
  return nullptr;
}

struct ReadFields {
  const msgpack::object_map& map;
  std::string problem;
  template <class T>
  void operator()(std::string_view name, T& value, Presence presence = Presence::kRequired) {
    const msgpack::object* found = find_key(map, name);
    if (found == nullptr && presence == Presence::kOptional) return;
    if (found == nullptr) {
      problem = "\"" + std::string(name) + "\" is missing";
    } else if (!read_value(*found, value)) {
      problem = "\"" + std::string(name) + "\" is not of its type";
    }
  }
};

template <class Variant>
std::string encode_message(const Envelope& envelope, const Variant& message) {
  std::string bytes;
  MsgpackOut out{bytes};
  MsgpackPacker pack(out);
  std::visit(
      [&](auto body) {
        CountFields count;
        body.fields(count);
        const bool from_sidecar = !envelope.boot.none();
        pack.pack_map(count.count + (from_sidecar ? 4 : 3));
        pack_text(pack, "v");
        pack.pack_uint64(kProtocolVersion);
        pack_text(pack, "op");
        pack_text(pack, body.kOp);
        pack_text(pack, "id");
        pack.pack_uint64(envelope.id);
        if (from_sidecar) {
          pack_text(pack, "boot");
          pack_binary(pack, envelope.boot.view());
        }
        PackFields fields{pack};
        body.fields(fields);
      },
      message);
  return bytes;
}

/// Reads `map` into the alternative of `Variant` whose kOp is `op`; false if there is none.
template <class Variant, std::size_t kIndex = 0>
bool read_alternative(std::string_view op, const msgpack::object_map& map, Variant& out,
                      std::string& problem) {
  if constexpr (kIndex == std::variant_size_v<Variant>) {
    return false;
  } else {
    using Body = std::variant_alternative_t<kIndex, Variant>;
    if (op != Body::kOp) return read_alternative<Variant, kIndex + 1>(op, map, out, problem);
    Body body;
    ReadFields fields{map, {}};
    body.fields(fields);
    problem = fields.problem;
    out = std::move(body);
    return true;
  }
}

Result<msgpack::object_handle> unpack_map(std::string_view bytes, std::size_t bytes_max) {
  MsgpackCursor cursor(bytes);
  if (bytes.size() > bytes_max || !cursor.any() || !cursor.at_end()) {
    return fail(ErrorCode::kBadInput, "a control message that is not one msgpack map of at most " +
                                          std::to_string(bytes_max) + " bytes");
  }
  msgpack::object_handle handle = msgpack::unpack(bytes.data(), bytes.size());
  if (handle.get().type != msgpack::type::MAP) {
    return fail(ErrorCode::kBadInput, "a control message that is no msgpack map");
  }
  return handle;
}

template <class Variant>
Result<void> decode_message(std::string_view bytes, std::size_t bytes_max, Envelope& envelope,
                            Variant& body) {
  auto handle = unpack_map(bytes, bytes_max);
  if (!handle) return fail(handle.error());
  const msgpack::object_map& map = handle->get().via.map;
  std::uint64_t version = 0;
  std::string op, problem;
  ReadFields fields{map, {}};
  fields("v", version);
  fields("id", envelope.id, Presence::kOptional);
  if (fields.problem.empty() && version != kProtocolVersion) {
    return fail(ErrorCode::kVersion, "protocol version " + std::to_string(version) +
                                         "; this build speaks " + std::to_string(kProtocolVersion));
  }
  fields("op", op);
  fields("boot", envelope.boot, Presence::kOptional);
  if (!fields.problem.empty()) return fail(ErrorCode::kBadInput, fields.problem);
  if (!read_alternative(op, map, body, problem)) {
    return fail(ErrorCode::kBadInput, "unknown op \"" + op.substr(0, 64) + "\"");
  }
  if (!problem.empty()) return fail(ErrorCode::kBadInput, op + ": " + problem);
  return {};
}

}  // namespace

std::string encode(const Envelope& envelope, const Request& request) {
  return encode_message(envelope, request);
}
std::string encode(const Envelope& envelope, const Reply& reply) {
  return encode_message(envelope, reply);
}

Result<RequestMessage> decode_request(std::string_view bytes) {
  RequestMessage message;
  if (auto read = decode_message(bytes, limits::kControlBytesMax, message.envelope, message.body);
      !read)
    return fail(read.error());
  return message;
}

Result<ReplyMessage> decode_reply(std::string_view bytes) {
  ReplyMessage message;
  if (auto read = decode_message(bytes, limits::kFrameBytesMax, message.envelope, message.body);
      !read)
    return fail(read.error());
  return message;
}

std::uint64_t request_id_of(std::string_view bytes) {
  auto handle = unpack_map(bytes, limits::kControlBytesMax);
  std::uint64_t id = 0;
  if (handle) {
    const msgpack::object* found = find_key(handle->get().via.map, "id");
    if (found == nullptr || !read_value(*found, id)) id = 0;
  }
  return id;
}

}  // namespace forebay
