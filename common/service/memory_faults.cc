#include "common/service/memory_faults.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>

#include "common/base/result.h"

namespace forebay {
namespace {

/// Text of a fixed size: in a signal handler nothing may be allocated.
class Line {
 public:
  void add(std::string_view text) {
    const std::size_t fits = std::min(text.size(), bytes_.size() - size_);
    std::copy_n(text.data(), fits, bytes_.data() + size_);
    size_ += fits;
  }
  void add(std::uintptr_t number, int base) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
    add({digits.data(), static_cast<std::size_t>(end - digits.data())});
  }
  void clear() { size_ = 0; }
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 1024> bytes_{};
  std::size_t size_ = 0;
};

Line process_name, advice_line;

std::uintptr_t take_hex(std::string_view& text) {
  std::uintptr_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number, 16).ptr;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

/// A line of /proc/self/maps: whether it is the mapping that holds the address; then what it maps,
/// and where in that the address lies.
bool holds(std::string_view map, std::uintptr_t address, std::string_view& path,
           std::uintptr_t& offset) {
  const std::uintptr_t begin = take_hex(map);
  if (map.empty()) return false;
  map.remove_prefix(1);
  const std::uintptr_t end = take_hex(map);
  if (address < begin || address >= end || map.size() < 6) return false;
  map.remove_prefix(6);  // " r--s "
  offset = take_hex(map) + (address - begin);
  path = map.find('/') == std::string_view::npos ? std::string_view() : map.substr(map.find('/'));
  return true;
}

void add_place(Line& said, std::uintptr_t address) {
  const int maps = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  Line line;
  std::array<char, 512> piece{};
  std::string_view path;
  std::uintptr_t offset = 0;
  for (ssize_t got = 0; maps >= 0 && (got = ::read(maps, piece.data(), piece.size())) > 0;) {
    for (const char c : std::string_view(piece.data(), static_cast<std::size_t>(got))) {
      if (c != '\n') {
        line.add({&c, 1});
        continue;
      }
      if (holds(line.view(), address, path, offset) && !path.empty()) {
        said.add("at byte ");
        said.add(offset, 10);
        said.add(" of ");
        said.add(path);
        said.add(", which is damaged or cut short, or its disk fails");
        return;
      }
      line.clear();
    }
  }
  said.add("at address 0x");
  said.add(address, 16);
  said.add(", of no file: a defect, or where a damaged file led");
}

/// The disposition is the usual one again by now: on return the fault happens once more, and ends
/// the process with its signal.
void say(int signal, siginfo_t* info, void*) {
  const int error = errno;
  Line said;
  said.add(process_name.view());
  said.add(signal == SIGBUS ? ": fault in memory (SIGBUS) " : ": fault in memory (SIGSEGV) ");
  add_place(said, reinterpret_cast<std::uintptr_t>(info->si_addr));
  said.add(": ");
  said.add(advice_line.view());
  said.add("\n");
  static_cast<void>(!::write(STDERR_FILENO, said.view().data(), said.view().size()));
  errno = error;
}

}  // namespace

void explain_memory_faults(std::string_view name, std::string_view advice) {
  process_name.clear();
  process_name.add(name.substr(0, 100));
  advice_line.clear();
  advice_line.add(advice.substr(0, 500));
  struct sigaction action {};
  action.sa_sigaction = say;
  action.sa_flags = SA_SIGINFO | static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGBUS, SIGSEGV})
    FOREBAY_INVARIANT(::sigaction(signal, &action, nullptr) == 0);
}

}  // namespace forebay
