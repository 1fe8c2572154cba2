// Result<T>: what a function returns when its input comes from outside (socket, file, topology,
// user).
//
// Errors carry one code of a small vocabulary and a message that says what, where and how to mend
// it. Would-block and back-pressure are not errors; functions that can meet them return a named
// enum. A broken invariant is neither: it aborts through FOREBAY_INVARIANT.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace forebay {

enum class ErrorCode : std::uint8_t {
  kBadInput,      // malformed, out of range, unknown name: the sender has to change it
  kCorruption,    // a checksum or structure that was once sound no longer is
  kNotFound,      // no such stream, key, file
  kIo,            // the operating system or LMDB refused
  kFull,          // no room on disk, or a byte limit of the topology
  kFenced,        // a newer epoch of the same producer has taken over
  kUnregistered,  // the sidecar does not know this producer or epoch
  kBadSequence,   // a producer sequence that overlaps or goes backwards
  kTimeout,       // the deadline passed
  kDiverged,      // the log is of another incarnation, or differs at the cursor
  kTrimmed,       // the range asked for is no longer held
  kVersion,       // a format or protocol version this build does not speak
  kUnavailable,   // the peer is not there (yet)
  kForbidden,     // who asks may not do that
};

/// The code as it is written on the wire and in logs, e.g. "bad_input".
[[nodiscard]] std::string_view to_string(ErrorCode code);
/// The reverse of to_string; kBadInput for a name this build does not know.
[[nodiscard]] ErrorCode error_code_from(std::string_view name);

struct Error {
  ErrorCode code;
  std::string message;

  /// The same error, with "`where`: " before its message.
  [[nodiscard]] Error in(std::string_view where) const {
    return Error{code, std::string(where) + ": " + message};
  }
};

template <class T = void>
using Result = tl::expected<T, Error>;

/// `return fail(ErrorCode::kIo, "…")` in a function that returns a Result.
[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}
/// kIo with the text of `errno_value` appended.
[[nodiscard]] tl::unexpected<Error> fail_errno(std::string what, int errno_value);

/// Logs and aborts: a state that the program's own logic rules out.
[[noreturn]] void invariant_broken(const char* condition, const char* file, int line);

}  // namespace forebay

#define FOREBAY_INVARIANT(condition) \
  ((condition) ? static_cast<void>(0) : ::forebay::invariant_broken(#condition, __FILE__, __LINE__))
