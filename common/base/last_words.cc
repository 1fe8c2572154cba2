#include "common/base/last_words.h"

#include <spdlog/spdlog.h>

#include <atomic>

namespace forebay {

void say_last_words(std::string_view words) {
  static std::atomic<bool> said = false;
  if (!said.exchange(true)) spdlog::critical("{}", words);
}

}  // namespace forebay
