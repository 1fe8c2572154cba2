#include "cli/made_events.h"

#include <cstdio>
#include <string>

#include "common/event/event_codec.h"

namespace forebay {
namespace {

/// As msgpack str 32 whatever its length, so that a byte more is a byte more.
std::string text_of(std::size_t length) {
  std::string data = "\xdb";
  for (const int shift : {24, 16, 8, 0}) data += static_cast<char>(length >> shift);
  return data.append(length, 'x');
}

}  // namespace

MadeEvents::MadeEvents(std::size_t bytes) {
  event_.type = "stock.adjusted";
  event_.data = text_of(0);
  std::string encoded;
  const WallTime now = SystemClock().wall();
  FOREBAY_INVARIANT(encode_event(event(0), now, encoded).has_value() && encoded.size() <= bytes);
  event_.data = text_of(bytes - encoded.size());
}

const Event& MadeEvents::event(std::uint64_t number) {
  char subject[16];
  std::snprintf(subject, sizeof subject, "sku-%08llu",
                static_cast<unsigned long long>(number % 100'000'000));
  event_.subject.assign(subject);
  return event_;
}

}  // namespace forebay
