#include "common/base/last_words.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

namespace forebay {

void say_last_words(std::string_view words) {
  static std::atomic<bool> said = false;
  if (!said.exchange(true)) spdlog::critical("{}", words);
}

void end_without(std::string_view what, int errno_value) {
  std::string words =
      "cannot make " + std::string(what) + ": " + std::generic_category().message(errno_value);
  if (errno_value == EMFILE)
    words += "; allow the process more descriptors (LimitNOFILE= of its unit, or ulimit -n)";
  say_last_words(words);
  std::_Exit(1);
}

}  // namespace forebay
