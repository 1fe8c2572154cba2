#include "common/base/result.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace forebay {
namespace {
struct CodeName {
  ErrorCode code;
  std::string_view name;
};
constexpr std::array kCodeNames = {
    CodeName{ErrorCode::kBadInput, "bad_input"},
    CodeName{ErrorCode::kCorruption, "corruption"},
    CodeName{ErrorCode::kNotFound, "not_found"},
    CodeName{ErrorCode::kIo, "io"},
    CodeName{ErrorCode::kFull, "full"},
    CodeName{ErrorCode::kFenced, "fenced"},
    CodeName{ErrorCode::kUnregistered, "unregistered"},
    CodeName{ErrorCode::kBadSequence, "bad_sequence"},
    CodeName{ErrorCode::kTimeout, "timeout"},
    CodeName{ErrorCode::kDiverged, "diverged"},
    CodeName{ErrorCode::kTrimmed, "trimmed"},
    CodeName{ErrorCode::kVersion, "version"},
    CodeName{ErrorCode::kUnavailable, "unavailable"},
    CodeName{ErrorCode::kForbidden, "forbidden"},
};
}  // namespace

std::string_view to_string(ErrorCode code) {
  for (const CodeName& entry : kCodeNames) {
    if (entry.code == code) return entry.name;
  }
  return "unknown";
}

ErrorCode error_code_from(std::string_view name) {
  for (const CodeName& entry : kCodeNames) {
    if (entry.name == name) return entry.code;
  }
  return ErrorCode::kBadInput;
}

tl::unexpected<Error> fail_errno(std::string what, int errno_value) {
  return fail(ErrorCode::kIo,
              std::move(what) + ": " + std::generic_category().message(errno_value));
}

void invariant_broken(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "forebay: broken invariant: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace forebay
