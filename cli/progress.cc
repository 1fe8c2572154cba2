#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "common/base/limits.h"

namespace forebay {
namespace {
constexpr std::size_t kBarWidth = 30;
}

std::string progress_line(std::uint64_t done, std::uint64_t total, std::uint64_t events,
                          std::chrono::nanoseconds elapsed) {
  const double seconds = std::max(std::chrono::duration<double>(elapsed).count(), 1e-9);
  std::string line;
  char text[96];
  if (total > 0) {
    const double fraction = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const auto filled = static_cast<std::size_t>(fraction * kBarWidth);
    std::snprintf(text, sizeof text, "] %d%%  ", static_cast<int>(fraction * 100));
    line = "[" + std::string(filled, '=') + std::string(kBarWidth - filled, ' ') + text;
  }
  std::snprintf(text, sizeof text, "%llu events, %.0f/s", static_cast<unsigned long long>(events),
                static_cast<double>(events) / seconds);
  line += text;
  if (total > 0 && done > 0) {
    const double left = seconds * (static_cast<double>(total) / static_cast<double>(done) - 1);
    const auto whole = static_cast<long long>(std::max(left, 0.0));
    std::snprintf(text, sizeof text, ", %lld:%02lld left", whole / 60, whole % 60);
    line += text;
  }
  return line;
}

Progress::Progress(std::string label)
    : label_(std::move(label)),
      terminal_(::isatty(STDERR_FILENO) != 0),
      next_(start_ + limits::kProgressAfter) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

void Progress::show(std::uint64_t done, std::uint64_t total, std::uint64_t events) {
  if (!terminal_) return;
  const auto now = Steady::now();
  if (now < next_) return;
  next_ = now + limits::kProgressInterval;
  shown_ = true;
  std::fprintf(stderr, "\r\x1b[K%s%s%s", label_.c_str(), label_.empty() ? "" : "  ",
               progress_line(done, total, events, now - start_).c_str());
  std::fflush(stderr);
}

}  // namespace forebay
