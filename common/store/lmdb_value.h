// Bytes as LMDB takes and gives them.
#pragma once

#include <lmdb.h>

#include <string_view>

namespace forebay {

inline MDB_val to_val(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};  // LMDB only reads it
}
inline std::string_view to_view(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

}  // namespace forebay
