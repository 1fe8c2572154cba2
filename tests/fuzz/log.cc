// What lies in a sidecar's log and in backups of it.
#include "sidecar/log/log.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "common/base/bytes.h"
#include "common/store/store.h"
#include "sidecar/log/backup_file.h"
#include "sidecar/log/page_file.h"
#include "sidecar/log/records.h"
#include "sidecar/log/verify.h"
#include "tests/fuzz/fuzz.h"

namespace forebay::fuzz {
namespace {

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  require(static_cast<bool>(file.flush()), "the working folder takes a file");
}

template <class Record>
void round_trip(const Result<Record>& record, Result<Record> (*decode)(std::string_view)) {
  if (!record) return;
  const std::string encoded = encode_record(*record);
  const auto again = decode(encoded);
  require(again && encode_record(*again) == encoded, "a record that is encoded again is the same");
}

void decode_log_record(std::string_view input) {
  Input in(input);
  const std::uint8_t kind = in.byte();
  const std::string bytes = (kind & 0x80) != 0 ? std::string(in.rest()) : sealed(in.rest());
  switch (kind % 4) {
    case 0:
      return round_trip(decode_stream_record(bytes), decode_stream_record);
    case 1:
      return round_trip(decode_producer_record(bytes), decode_producer_record);
    case 2:
      return round_trip(decode_consumer_record(bytes), decode_consumer_record);
    default:
      return round_trip(decode_clock_record(bytes), decode_clock_record);
  }
}

ProducerRecord sample_producer() {
  ProducerRecord producer;
  producer.position = ProducerSequence{5};
  producer.stream = "orders";
  producer.name = "feed";
  return producer;
}

std::vector<std::string> log_record_seeds() {
  StreamRecord stream;
  stream.ancestors = {{{}, Sequence{3000}}, {{}, Sequence{6000}}};
  const std::string records[] = {encode_record(stream), encode_record(sample_producer()),
                                 encode_record(ConsumerRecord{}),
                                 encode_record(ClockRecord{{}, {}, true, "0af7-651916cd"})};
  std::vector<std::string> seeds;
  for (std::size_t i = 0; i < std::size(records); ++i) {
    seeds.push_back(static_cast<char>(i) + std::string(unsealed(records[i])));
    seeds.push_back(static_cast<char>(0x80 + i) + records[i]);
  }
  return seeds;
}
const Decoder log_record_decoder{"log_record", decode_log_record, log_record_seeds};

void append_item(std::string& file, std::uint8_t kind, std::string_view body) {
  std::string item(1, static_cast<char>(kind));
  append_le(item, static_cast<std::uint32_t>(body.size()));
  file += sealed(item.append(body));
}

void append_again(std::string& file, const BackupItem& item) {
  std::string body;
  const auto named = [&](std::string_view name) {
    append_le(body, static_cast<std::uint32_t>(name.size()));
    body += name;
  };
  if (const auto* record = std::get_if<BackedUpRecord>(&item)) {
    named(record->key);
    append_item(file, record->late ? 4 : 1, body.append(record->value));
  } else if (const auto* batch = std::get_if<BackedUpBatch>(&item)) {
    named(batch->stream);
    append_item(file, 2, body.append(batch->bytes));
  } else if (const auto* gap = std::get_if<BackedUpGap>(&item)) {
    named(gap->stream);
    append_le(body, gap->first.value);
    append_le(body, gap->count);
    append_item(file, 3, body.append(gap->reason));
  }
}

void append_end(std::string& file, std::uint64_t items) {
  std::string body;
  append_le(body, items);
  append_item(file, 9, body);
}

/// A whole backup as it is, or items that get their checksums: kind u8, body with its length.
void decode_backup(std::string_view input) {
  const std::string head("FBAK\2\0\0\0", 8);
  Input in(input);
  std::string bytes = head;
  if (in.byte() == 1) {
    bytes = in.rest();
  } else {
    std::uint64_t items = 0;
    for (; !in.empty(); ++items) {
      const std::uint8_t kind = in.byte();
      append_item(bytes, kind, in.part());
    }
    append_end(bytes, items);
  }
  write_file("backup", bytes);
  auto reader = BackupReader::open("backup");
  if (!reader) return;
  std::string again = head;
  for (std::uint64_t items = 0;; ++items) {
    const auto item = reader->next();
    if (!item) return;
    if (!*item) {
      append_end(again, items);
      break;
    }
    append_again(again, **item);
  }
  require(again == bytes, "a backup that is whole is written again as it was");
}

std::vector<std::string> backup_seeds() {
  std::string seed(1, '\0');
  const auto item = [&](char kind, std::initializer_list<std::string> parts) {
    std::string body;
    bool name = true;
    for (const std::string& part : parts) {
      if (std::exchange(name, false)) append_le(body, static_cast<std::uint32_t>(part.size()));
      body += part;
    }
    seed += kind;
    append_part(seed, body);
  };
  item(1, {"stream/orders", encode_record(StreamRecord{})});
  item(2, {"orders", sample_batches()[0]});
  item(3, {"orders", std::string(16, '\1'), "trimmed"});
  item(4, {"producer/12345678", encode_record(sample_producer())});
  return {seed};
}
const Decoder backup_decoder{"backup", decode_backup, backup_seeds};

/// The file of a log at rest, as `forebay verify` reads it.
void decode_page_file(std::string_view input) {
  std::filesystem::create_directory("log");
  write_file("log/data.mdb", input);
  const auto report = verify_log("log");
  require(report || report.error().code != ErrorCode::kBadInput, "a log is read, or damaged");
  constexpr std::size_t kPage = 4096;
  for (std::size_t at = 0; at + kPage <= input.size(); at += kPage) {
    const std::string page(input.substr(at, kPage));
    for (const PageFile::Entry& entry : leaf_entries(page))
      static_cast<void>(checksum(entry.key) ^ checksum(entry.value));
  }
}

std::string file_text(const std::string& path, std::size_t bytes_max) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(bytes_max, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  while (bytes.size() > 4096 && bytes.ends_with(std::string(4096, '\0')))
    bytes.resize(bytes.size() - 4096);
  return bytes;
}

std::vector<std::string> page_file_seeds() {
  std::filesystem::create_directory("made");
  {
    auto log = Log::open({.dir = "made/log", .streams = {"orders"}, .bytes_max = {}});
    require(log.has_value(), "a log is made");
    for (std::string& batch : std::vector<std::string>(sample_batches())) {
      Log::Transaction transaction = (*log)->begin();
      require(transaction.append({0}, batch, batch.data(), {}) &&
                  transaction.put_producer(ProducerId{7}, sample_producer()) &&
                  transaction.put_consumer({"orders", "audit"}, {}) && transaction.commit(),
              "a log is written");
    }
  }
  const std::string whole = file_text("made/log/data.mdb", 64 << 10);
  std::filesystem::remove_all("made");
  return {whole, whole.substr(0, 6 * 4096), whole.substr(0, 2 * 4096)};
}
const Decoder page_file_decoder{"page_file", decode_page_file, page_file_seeds};

}  // namespace
}  // namespace forebay::fuzz
