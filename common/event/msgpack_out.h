// Lets msgpack::packer append to a std::string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <msgpack.hpp>
#include <string>
#include <string_view>

namespace forebay {

struct MsgpackOut {
  std::string& bytes;
  void write(const char* data, std::size_t size) { bytes.append(data, size); }
};

using MsgpackPacker = msgpack::packer<MsgpackOut>;

inline void pack_text(MsgpackPacker& pack, std::string_view text) {
  pack.pack_str(static_cast<std::uint32_t>(text.size()));
  pack.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
}

inline void pack_binary(MsgpackPacker& pack, std::string_view bytes) {
  pack.pack_bin(static_cast<std::uint32_t>(bytes.size()));
  pack.pack_bin_body(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
}

}  // namespace forebay
