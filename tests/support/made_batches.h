// Batches for tests, as a publisher makes them.
#pragma once

#include <string>

#include "common/base/limits.h"
#include "common/event/batch.h"
#include "common/event/event_codec.h"

namespace forebay::test {

/// An id that is easy to read in a failure: all its bytes are `mark`.
template <class Id>
Id id_of(char mark) {
  Id id;
  id.bytes.fill(mark);
  return id;
}

/// An event of nearly limits::kEventBytesMax: with a batch's header it is still no longer.
inline Event large_event() {
  constexpr std::size_t kDataBytes = 0x0f'f0'00;
  static_assert(kDataBytes + 4096 == limits::kEventBytesMax);
  Event event;
  event.type = "thing.happened";
  event.data = std::string("\xc6\x00\x0f\xf0\x00", 5) + std::string(kDataBytes, 'x');  // bin
  return event;
}

/// `count` events about `subject`.
inline std::string make_batch(const BatchOrigin& origin, std::uint32_t count = 1,
                              const std::string& subject = "it") {
  Event event;
  event.type = "thing.happened";
  event.subject = subject;
  std::string encoded;
  const auto done = encode_event(event, WallTime{}, encoded);
  FOREBAY_INVARIANT(done.has_value());
  BatchBuilder builder(std::string(1, '\x80'));
  for (std::uint32_t i = 0; i < count; ++i) builder.append(encoded);
  std::string batch = builder.finish();
  set_batch_origin(batch.data(), origin);
  return batch;
}

/// The same as it stands in a log.
inline std::string make_committed(const BatchOrigin& origin, const BatchPlace& place,
                                  std::uint32_t count = 1, const std::string& subject = "it") {
  std::string batch = make_batch(origin, count, subject);
  set_batch_place(batch.data(), place);
  return batch;
}

}  // namespace forebay::test
