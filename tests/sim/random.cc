#include "tests/sim/random.h"

#include <sys/random.h>

#include <algorithm>

namespace forebay::sim {
namespace {

std::mt19937_64& id_engine() {
  static std::mt19937_64 engine;
  return engine;
}

}  // namespace

void seed_ids(std::uint64_t seed) { id_engine().seed(seed); }

}  // namespace forebay::sim

/// Stands in for the C library's in this program, so that ids are as the seed has them.
extern "C" ssize_t getrandom(void* buffer, size_t length, unsigned) noexcept {
  auto* bytes = static_cast<unsigned char*>(buffer);
  std::generate_n(bytes, length,
                  [] { return static_cast<unsigned char>(forebay::sim::id_engine()()); });
  return static_cast<ssize_t>(length);
}
