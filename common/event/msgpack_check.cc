#include "common/event/msgpack_check.h"

#include <array>
#include <string>

#include "common/base/limits.h"
#include "common/event/msgpack_reader.h"

namespace forebay {

Result<void> check_msgpack(std::string_view bytes) {
  MsgpackReader reader(bytes);
  const auto refuse = [&](const char* what) {
    return fail(ErrorCode::kBadInput, std::string("msgpack, byte ") +
                                          std::to_string(bytes.size() - reader.rest().size()) +
                                          ": " + what);
  };
  std::array<std::uint64_t, limits::kMsgpackDepthMax> pending{};  // values still due at each depth
  std::size_t depth = 0;
  do {
    const auto token = reader.next();
    if (!token) {
      return refuse("no value, or one that declares more bytes or elements than follow");
    }
    if (token->kind == MsgpackKind::kArray || token->kind == MsgpackKind::kMap) {
      if (depth == pending.size()) return refuse("nested more than 16 deep");
      pending[depth++] = token->children();
    } else if (depth > 0) {
      --pending[depth - 1];
    }
    while (depth > 0 && pending[depth - 1] == 0) {
      --depth;
      if (depth > 0) --pending[depth - 1];
    }
  } while (depth > 0);
  if (!reader.rest().empty()) return refuse("more bytes after the one value");
  return {};
}

}  // namespace forebay
