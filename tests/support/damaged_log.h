// A log with a few hundred batches in two streams, and its damaged copies.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "sidecar/log/log.h"
#include "tests/support/made_batches.h"
#include "tests/support/temp_dir.h"

namespace forebay::test {

inline constexpr std::uint64_t kPageBytes = 4096;

struct MadeLog {
  struct Batch {
    std::string payload;
    std::uint64_t count;
    WallTime time;
    std::string header;  // as it stands in the file
  };
  using Stream = std::map<std::uint64_t, Batch>;  // by base sequence

  TempDir dir;
  std::map<std::string, Stream> streams;
  std::map<std::string, Sequence> heads;

  [[nodiscard]] std::string folder() const { return dir / "log"; }
  [[nodiscard]] std::string file() const { return folder() + "/data.mdb"; }
};

inline std::string payload_of(const BatchView& batch) {
  return std::string(batch.bytes().substr(batch.bytes().size() - batch.header().payload_bytes));
}

/// Small batches, which LMDB puts into its leaves, in one stream; larger ones, which have pages of
/// their own, in the other. `commits` transactions of three batches in each.
inline void make_log(MadeLog& made, int commits) {
  auto log = Log::open({made.folder(), {"large", "small"}, std::uint64_t{16} << 20});
  FOREBAY_INVARIANT(log.has_value());
  {
    auto transaction = (*log)->begin();
    ConsumerRecord consumer;
    consumer.incarnation = (*log)->stream({0}).incarnation;
    consumer.cursor = Sequence{3};
    FOREBAY_INVARIANT(transaction.put_consumer({"large", "c"}, consumer).has_value());
    FOREBAY_INVARIANT(transaction.commit().has_value());
  }
  std::uint64_t number = 0;
  for (int commit = 0; commit < commits; ++commit) {
    auto transaction = (*log)->begin();
    for (int i = 0; i < 6; ++i) {
      const StreamIndex stream{static_cast<std::size_t>(i % 2)};
      const std::string& name = (*log)->stream_name(stream);
      const std::uint32_t count = 1 + number % 3;
      const std::string subject =
          std::to_string(number) + std::string(i % 2 == 0 ? 3000 + 17 * (number % 40) : 40, 'x');
      std::string batch = make_batch(
          {(*log)->stream(stream).incarnation, {7 + stream.value}, {1}, {number}, {number + 1}},
          count, subject);
      ++number;
      const auto header =
          transaction.append(stream, batch, batch.data(), WallTime(std::chrono::seconds(number)));
      FOREBAY_INVARIANT(header.has_value());
      const auto view = BatchView::parse(batch);
      made.streams[name].emplace(
          header->first().value,
          MadeLog::Batch{payload_of(*view), header->count, header->place.commit_time,
                         batch.substr(0, batch.size() - header->payload_bytes)});
      ProducerRecord producer;
      producer.epoch = {1};
      producer.position = header->origin.last;
      producer.sequence = header->last();
      producer.stream = name;
      producer.name = "feed";
      FOREBAY_INVARIANT(transaction.put_producer(header->origin.producer, producer).has_value());
      made.heads[name] = header->last();
    }
    FOREBAY_INVARIANT(transaction.commit().has_value());
  }
}

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_at(const std::string& path, std::uint64_t offset, const std::string& bytes) {
  std::fstream out(path, std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(static_cast<std::streamoff>(offset));
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// Where a batch stands in the file: everywhere, since a small one is written again with its page.
inline std::vector<std::uint64_t> offsets_of(const std::string& bytes,
                                             const MadeLog::Batch& batch) {
  std::vector<std::uint64_t> offsets;
  for (std::size_t at = bytes.find(batch.header); at != std::string::npos;
       at = bytes.find(batch.header, at + 1))
    offsets.push_back(at);
  FOREBAY_INVARIANT(!offsets.empty());
  return offsets;
}

/// Where the page is named that a large value of this key begins on, a page that there is not.
inline void lose_value(const std::string& file, std::uint64_t base) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(stream)), {});
  std::string node{"\x01\0\x08\0", 4};  // flags F_BIGDATA, size of the key
  append_le(node, base);
  std::size_t lost = 0;
  for (std::size_t at = bytes.find(node); at != std::string::npos; at = bytes.find(node, at + 1)) {
    stream.seekp(static_cast<std::streamoff>(at + node.size() + 5));
    stream.put('\x01');
    ++lost;
  }
  FOREBAY_INVARIANT(lost > 0);
}

}  // namespace forebay::test
