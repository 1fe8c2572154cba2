#include "sidecar/log/salvage.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "common/base/bytes.h"
#include "common/event/batch_layout.h"
#include "sidecar/log/layout.h"

namespace forebay {
namespace {

using namespace log_layout;

constexpr std::size_t kPieceBytes = 1024 * kPageBytes;

class Scan {
 public:
  Scan(const PageFile& file, const std::function<bool(const BatchHeader&)>& wanted)
      : file_(file), wanted_(wanted) {}

  /// `piece` begins a page and goes on past `bytes` by as much as a header needs, if there is more.
  /// The last page may be cut off.
  void look_at(std::string_view piece, std::size_t bytes, std::uint64_t offset) {
    for (std::size_t at = 0; at < bytes; at += kPageBytes) {
      for (const PageFile::Entry& entry : leaf_entries(piece.substr(at, kPageBytes)))
        take_record(entry);
      const std::string_view page = piece.substr(at, kPageBytes + batch_layout::kHeaderBytes - 1);
      for (std::size_t found = page.find(batch_layout::kMagic); found < kPageBytes;
           found = page.find(batch_layout::kMagic, found + 1)) {
        take_batch(page.substr(found), offset + at + found);
      }
    }
  }

  Salvage finish() { return std::move(salvage_); }

 private:
  void take_batch(std::string_view bytes, std::uint64_t offset) {
    const auto header = parse_batch_header(bytes.substr(0, batch_layout::kHeaderBytes));
    if (!header || !wanted_(*header) || !known_.insert(header->checksum).second) return;
    std::string whole(batch_bytes(*header), '\0');
    if (file_.read(offset, whole.data(), whole.size()) && BatchView::parse(whole)) {
      salvage_.batches.push_back({*header, offset});
    } else {
      known_.erase(header->checksum);  // of a torn copy: there may be a whole one
    }
  }

  template <class Key, class Record>
  static void keep_newest(std::map<Key, Record>& kept, const Key& key, const Record& record) {
    const auto [found, fresh] = kept.try_emplace(key, record);
    if (!fresh && is_newer(record, found->second)) found->second = record;
  }

  void take_record(const PageFile::Entry& entry) {
    const auto after = [&](std::string_view prefix) -> std::optional<std::string> {
      if (!entry.key.starts_with(prefix)) return std::nullopt;
      return std::string(entry.key.substr(prefix.size()));
    };
    if (const auto stream = after(kStreamPrefix)) {
      const auto record = decode_stream_record(entry.value);
      if (record && is_name(*stream)) keep_newest(salvage_.streams, *stream, *record);
    } else if (const auto producer = after(kProducerPrefix)) {
      const auto record = decode_producer_record(entry.value);
      if (record && producer->size() == sizeof(std::uint64_t))
        keep_newest(salvage_.producers, ProducerId{load_le<std::uint64_t>(producer->data())},
                    *record);
    } else if (const auto consumer = after(kConsumerPrefix)) {
      const auto record = decode_consumer_record(entry.value);
      const std::size_t split = consumer->find('\0');
      if (record && split != std::string::npos)
        keep_newest(salvage_.consumers,
                    ConsumerKey{consumer->substr(0, split), consumer->substr(split + 1)}, *record);
    }
  }

  const PageFile& file_;
  const std::function<bool(const BatchHeader&)>& wanted_;
  Salvage salvage_;
  std::set<std::uint64_t> known_;  // checksums of headers, which cover the payload's
};

}  // namespace

bool is_newer(const StreamRecord& one, const StreamRecord& other) { return one.next > other.next; }
bool is_newer(const ProducerRecord& one, const ProducerRecord& other) {
  return std::tie(one.epoch, one.position, one.time) >
         std::tie(other.epoch, other.position, other.time);
}
bool is_newer(const ConsumerRecord& one, const ConsumerRecord& other) {
  return one.time > other.time;
}

Salvage salvage(const PageFile& file, const std::function<bool(const BatchHeader&)>& wanted) {
  Scan scan(file, wanted);
  std::string piece;
  const std::uint64_t end = file.file_bytes();
  for (std::uint64_t offset = 0; offset < end; offset += kPieceBytes) {
    const std::size_t bytes = std::min<std::uint64_t>(kPieceBytes, end - offset);
    const std::size_t with_more =
        std::min<std::uint64_t>(kPieceBytes + batch_layout::kHeaderBytes, end - offset);
    piece.assign(with_more, '\0');
    // What the disk does not give is passed over page by page.
    if (!file.read(offset, piece.data(), piece.size())) {
      for (std::size_t at = 0; at < piece.size(); at += kPageBytes)
        static_cast<void>(
            file.read(offset + at, piece.data() + at, std::min(kPageBytes, piece.size() - at)));
    }
    scan.look_at(piece, bytes, offset);
  }
  Salvage found = scan.finish();
  std::sort(found.batches.begin(), found.batches.end(), [](const auto& one, const auto& other) {
    return one.header.first() < other.header.first();
  });
  return found;
}

std::vector<FoundBatch> fill(const Hole& hole, const Incarnation& incarnation,
                             const std::vector<FoundBatch>& found) {
  std::vector<const FoundBatch*> fitting;
  const auto begin_at = std::lower_bound(
      found.begin(), found.end(), hole.first,
      [](const FoundBatch& each, Sequence first) { return each.header.first() < first; });
  for (auto each = begin_at; each != found.end() && each->header.first() < hole.next; ++each) {
    if (each->header.origin.incarnation == incarnation && each->header.next() <= hole.next)
      fitting.push_back(&*each);
  }
  std::multimap<Sequence, const FoundBatch*> by_first;
  std::map<std::uint64_t, const FoundBatch*> by_checksum;
  for (const FoundBatch* each : fitting) {
    by_first.emplace(each->header.first(), each);
    by_checksum.emplace(each->header.checksum, each);
  }
  std::map<Sequence, const FoundBatch*> taken;
  Sequence low = hole.first, high = hole.next;
  std::uint64_t named = hole.after;  // the checksum of the batch that ends at `high`; 0: unknown
  while (named != 0) {
    const auto next = by_checksum.find(named);
    if (next == by_checksum.end() || next->second->header.next() != high) break;
    high = next->second->header.first();
    named = next->second->header.place.previous_checksum;
    taken.emplace(high, next->second);
  }
  // What ends there and is not what is named is an old copy.
  const auto may_be = [&](const BatchHeader& header) {
    return header.next() < high ||
           (header.next() == high && (named == 0 || header.checksum == named));
  };
  for (std::uint64_t before = hole.before; before != 0;) {
    const FoundBatch* only = nullptr;
    bool several = false;
    const auto [begin, end] = by_first.equal_range(low);
    for (auto each = begin; each != end; ++each) {
      const BatchHeader& header = each->second->header;
      if (!may_be(header) || header.place.previous_checksum != before) continue;
      several = only != nullptr;
      only = each->second;
    }
    if (only == nullptr || several) break;
    taken.emplace(low, only);
    low = only->header.next();
    before = only->header.checksum;
  }
  // Sorted by where they begin: one overlaps another if it begins before that ends.
  Sequence end_before{0};
  for (std::size_t i = 0; i < fitting.size() && hole.after != 0; ++i) {
    const BatchHeader& header = fitting[i]->header;
    const bool alone = header.first() >= end_before &&
                       (i + 1 == fitting.size() || fitting[i + 1]->header.first() >= header.next());
    end_before = std::max(end_before, header.next());
    if (alone && header.first() >= low && may_be(header)) taken.emplace(header.first(), fitting[i]);
  }
  std::vector<FoundBatch> filling;
  for (const auto& [first, each] : taken) filling.push_back(*each);
  return filling;
}

}  // namespace forebay
