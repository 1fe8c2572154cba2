// Batches for tests: sound ones, and unsound ones whose checksums are right, so that what comes
// after the checksums is reached too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/event/batch.h"
#include "common/event/batch_layout.h"

namespace forebay::test {

inline BatchOrigin sample_origin() {
  return {*Incarnation::from_hex("101112131415161718191a1b1c1d1e1f"),
          ProducerId{0x1122334455667788}, Epoch{1}, ProducerSequence{0}, ProducerSequence{2}};
}

/// As published: `records` with an empty map of shared attributes (`80`) unless told otherwise.
inline std::string published_batch(const std::vector<std::string>& records,
                                   const std::string& shared = "\x80",
                                   const BatchOrigin& origin = sample_origin()) {
  BatchBuilder builder(shared);
  for (const std::string& record : records) builder.append(record);
  std::string batch = builder.finish();
  set_batch_origin(batch.data(), origin);
  return batch;
}

/// Sets sizes and checksums anew after a test has changed header or payload.
inline void reseal(std::string& batch) {
  using namespace batch_layout;
  const auto payload = std::string_view(batch).substr(kHeaderBytes);
  store_le(batch.data() + kPayloadBytesAt, static_cast<std::uint32_t>(payload.size()));
  store_le(batch.data() + kPayloadChecksumAt, checksum(payload));
  store_le(batch.data() + kHeaderChecksumAt,
           checksum(std::string_view(batch).substr(0, kHeaderChecksumAt)));
}

/// `batch` with `value` at `offset` of its header, and a header checksum that agrees.
template <class T>
std::string with_field(std::string batch, std::size_t offset, T value) {
  using namespace batch_layout;
  store_le(batch.data() + offset, value);
  store_le(batch.data() + kHeaderChecksumAt,
           checksum(std::string_view(batch).substr(0, kHeaderChecksumAt)));
  return batch;
}

}  // namespace forebay::test
