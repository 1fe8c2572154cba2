// What tests do to a log, a transaction each.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "sidecar/log/log.h"
#include "tests/support/made_batches.h"
#include "tests/support/temp_dir.h"

namespace forebay::test {

inline constexpr StreamIndex kFirst{0}, kSecond{1};
inline constexpr std::uint64_t kSmallFile = 12 << 20;

inline WallTime at(std::int64_t second) { return WallTime(std::chrono::seconds(second)); }

inline std::unique_ptr<Log> open_log(const TempDir& dir, std::vector<std::string> streams = {"a"}) {
  auto log = Log::open({dir / "log", std::move(streams), kSmallFile});
  FOREBAY_INVARIANT(log.has_value());
  return std::move(*log);
}

inline BatchHeader append(Log& log, StreamIndex stream, WallTime now, std::uint32_t count = 1,
                          const std::string& subject = "it") {
  const BatchOrigin origin{log.stream(stream).incarnation, {7}, {1}, {0}, {count}};
  std::string batch = make_batch(origin, count, subject);
  auto transaction = log.begin();
  const auto header = transaction.append(stream, batch, batch.data(), now);
  FOREBAY_INVARIANT(header.has_value());
  FOREBAY_INVARIANT(transaction.commit().has_value());
  return *header;
}

inline std::size_t trim(Log& log, StreamIndex stream, std::size_t batches) {
  auto transaction = log.begin();
  const auto trimmed = transaction.trim(stream, batches, [](const BatchHeader&) { return true; });
  FOREBAY_INVARIANT(trimmed.has_value());
  FOREBAY_INVARIANT(transaction.commit().has_value());
  return *trimmed;
}

}  // namespace forebay::test
