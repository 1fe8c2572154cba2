#include "sidecar/log/repair.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>

#include "common/base/files.h"
#include "common/base/limits.h"
#include "sidecar/log/layout.h"
#include "sidecar/log/log.h"
#include "sidecar/log/log_at_rest.h"
#include "sidecar/log/rewriting.h"
#include "sidecar/log/salvage.h"

namespace forebay {
namespace {

namespace fs = std::filesystem;

/// One stream from the damaged log into the fresh one.
class StreamRepair {
 public:
  StreamRepair(Rewriting& out, StreamIndex index, const LogAtRest& source, const Salvage& found)
      : out_(out), index_(index), source_(source), found_(found) {}

  void batch(const BatchView& batch) {
    const BatchHeader& header = batch.header();
    if (report.batches++ == 0 && report.gaps == 0) begin_at(header.first());
    out_.batch(index_, batch);
    old_incarnation_ = header.origin.incarnation;
    last_checksum_ = header.checksum;
  }
  void hole(const Hole& hole) {
    if (report.batches == 0 && report.gaps == 0) begin_at(hole.first);
    if (old_incarnation_) fill_in(hole);
    gap_up_to(hole.next, hole.reason);
  }
  /// What was committed after all that is known of, where the record that told the end is damaged;
  /// then past whatever anybody was told of.
  void end_unknown(Sequence told) {
    if (report.batches == 0 && report.gaps == 0) begin_at(told);
    constexpr Sequence kForEver{std::numeric_limits<std::uint64_t>::max()};
    if (old_incarnation_) fill_in({out_.next(index_), kForEver, kTailReason, last_checksum_, 0});
    report.skipped_ahead = true;
    gap_up_to(std::max(told, out_.next(index_)) + limits::kRepairSkip, kTailReason);
  }
  void expect(const Incarnation& incarnation) { old_incarnation_ = incarnation; }
  /// Up to its end the log holds what the damaged one did, or gaps: also past what was found of the
  /// tail, so that whoever had read more goes on in that gap, and nothing is applied again. If
  /// nothing told the old incarnation, nothing tells what consumers have read.
  void finish(std::optional<StreamRecord> before) {
    if (!old_incarnation_) return;
    if (!before) before.emplace();
    before->incarnation = *old_incarnation_;
    out_.descends_from(index_, *before);
  }

  RepairedStream report;

 private:
  static constexpr const char* kTailReason = "where the log ended is not known";

  void begin_at(Sequence first) {
    report.oldest = first;
    out_.start_at(index_, first);
  }
  void fill_in(const Hole& hole) {
    for (const FoundBatch& found : fill(hole, *old_incarnation_, found_.batches)) {
      std::string bytes(batch_bytes(found.header), '\0');
      if (!source_.file().read(found.offset, bytes.data(), bytes.size())) continue;
      const auto view = BatchView::parse(bytes);
      if (!view) continue;
      gap_up_to(found.header.first(), hole.reason);
      ++report.salvaged;
      batch(*view);
    }
  }
  void gap_up_to(Sequence next, const std::string& reason) {
    const Sequence first = out_.next(index_);
    if (next <= first) return;
    ++report.gaps;
    report.lost += next.value - first.value;
    out_.gap(index_, next.value - first.value, reason);
  }

  Rewriting& out_;
  StreamIndex index_;
  const LogAtRest& source_;
  const Salvage& found_;
  std::optional<Incarnation> old_incarnation_;
  std::uint64_t last_checksum_ = 0;
};

/// The end of a stream, as far as producers and consumers were told of it. What consumers say is
/// from outside: a cursor of another log, or beyond all reason, says nothing.
Sequence told_end(const LogAtRest& source, const Salvage& found, const std::string& name,
                  const std::optional<StreamRecord>& record) {
  constexpr Sequence kReason{std::uint64_t{1} << 60};
  Sequence end{1};
  const auto told = [&](Sequence last) {
    if (last < kReason) end = std::max(end, last + 1);
  };
  for (const auto& [id, producer] : source.producers) {
    if (producer.stream == name) told(producer.sequence);
  }
  for (const auto& [id, producer] : found.producers) {
    if (producer.stream == name) told(producer.sequence);
  }
  for (const auto& [key, consumer] : source.consumers) {
    if (key.stream == name && record && consumer.incarnation == record->incarnation)
      told(consumer.cursor);
  }
  if (record) told(record->head());
  return end;
}

/// Whether a record is an old copy, its page set back to what it was once: what was committed after
/// it is then still there, or other pages do not fit.
bool is_stale(const LogAtRest& source, const Salvage& found, const std::string& name,
              const StreamRecord& record) {
  return found.of_several_times ||
         std::any_of(source.producers.begin(), source.producers.end(),
                     [&](const auto& each) {
                       return each.second.stream == name && each.second.sequence >= record.next;
                     }) ||
         std::any_of(found.batches.begin(), found.batches.end(), [&](const FoundBatch& each) {
           return each.header.origin.incarnation == record.incarnation &&
                  each.header.first() >= record.next;
         });
}

/// What the trees no longer reach is looked for everywhere in the file.
Result<Salvage> look_everywhere(const std::string& dir) {
  auto log = LogAtRest::open(dir);
  if (!log) return fail(log.error());
  struct Missing {
    std::optional<Incarnation> of;  // none: any
    Sequence first, next;
  };
  std::vector<Missing> missing;
  struct End {
    std::optional<Incarnation> of;
    Sequence next;
    bool known;
  };
  std::vector<End> ends;
  for (const auto& [name, stream] : log->streams) {
    std::optional<Incarnation> incarnation;
    if (stream.record) incarnation = stream.record->incarnation;
    Sequence end{1};
    log->read(
        stream,
        [&](const BatchView& batch) {
          incarnation = batch.header().origin.incarnation;
          end = batch.header().next();
        },
        [&](const Hole& hole) {
          missing.push_back({incarnation, hole.first, hole.next});
          end = hole.next;
        });
    ends.push_back({incarnation, end, stream.record && !log->older});
  }
  log->read_free_list();
  const bool pages_damaged = log->walk().damaged() > 0 || !log->problems.empty();
  constexpr Sequence kForEver{std::numeric_limits<std::uint64_t>::max()};
  for (const End& end : ends) {
    // What a crash left of a commit looks the same: where only batches are damaged, it is that.
    if (!end.known || pages_damaged) missing.push_back({end.of, end.next, kForEver});
  }
  if (!pages_damaged && missing.empty()) return Salvage{};
  if (log->may_lack("")) missing.push_back({std::nullopt, Sequence{1}, kForEver});
  Salvage found = salvage(log->file(), [&](const BatchHeader& header) {
    return std::any_of(missing.begin(), missing.end(), [&](const Missing& each) {
      return (!each.of || *each.of == header.origin.incarnation) && header.first() < each.next &&
             each.first < header.next();
    });
  });
  found.of_several_times = log->of_several_times();
  return found;
}

void put_producers(Rewriting& out, const LogAtRest& source, const Salvage& found,
                   std::vector<std::string>& problems) {
  std::map<ProducerId, ProducerRecord> all(source.producers.begin(), source.producers.end());
  for (const auto& [id, record] : found.producers) {
    if (!source.older && !source.may_lack(log_layout::producer_key(id))) continue;
    const auto [known, fresh] = all.try_emplace(id, record);
    if (!fresh && is_newer(record, known->second)) known->second = record;
  }
  for (const ProducerId id : out.producers(std::move(all))) {
    // One without a name has no record once it said goodbye.
    if (!source.may_lack(log_layout::producer_key(id))) continue;
    problems.push_back("producer " + std::to_string(id.value) +
                       ": its record is gone, and with it its name: what it sends again because it "
                       "was not told about it will be there twice");
  }
}

void put_consumers(Rewriting& out, const LogAtRest& source, const Salvage& found) {
  std::map<ConsumerKey, ConsumerRecord> all(source.consumers.begin(), source.consumers.end());
  for (const auto& [key, record] : found.consumers) {
    if (source.may_lack(log_layout::consumer_key(key.stream, key.consumer)))
      all.try_emplace(key, record);
  }
  for (const auto& [key, record] : all) out.consumer(key, record);
}

/// Into `target`, a folder that is not there yet.
Result<Repair> rewrite(const std::string& dir, const std::string& target) {
  auto found = look_everywhere(dir);
  if (!found) return fail(found.error());
  auto source = LogAtRest::open(dir);
  if (!source) return fail(source.error());
  for (const auto& [name, record] : found->streams) {
    if (source->may_lack(log_layout::stream_key(name))) source->streams.try_emplace(name);
  }
  std::vector<std::string> names;
  for (const auto& [name, stream] : source->streams) names.push_back(name);
  auto log = Log::open({target, names, std::nullopt});
  if (!log) return fail(log.error());

  Repair repair;
  Rewriting out(**log);
  for (std::size_t i = 0; i < names.size(); ++i) {
    StreamAtRest stream = source->streams.at(names[i]);
    StreamRepair one(out, {i}, *source, *found);
    const auto old = found->streams.find(names[i]);
    bool end_known = stream.record.has_value() && !source->older;
    // An old copy of a record that is gone tells what the stream was, and at least how far it went.
    if (!stream.record && old != found->streams.end()) stream.record = old->second;
    if (stream.record) one.expect(stream.record->incarnation);
    if (end_known) end_known = !is_stale(*source, *found, names[i], *stream.record);
    const LogAtRest::Read read = source->read(
        stream, [&](const BatchView& batch) { one.batch(batch); },
        [&](const Hole& hole) { one.hole(hole); });
    if (read.beyond) end_known = false;
    if (!end_known) {
      one.end_unknown(told_end(*source, *found, names[i], stream.record));
    } else if (one.report.batches == 0 && one.report.gaps == 0) {
      out.start_at({i}, stream.record->next);
      one.report.oldest = stream.record->next;
    }
    one.finish(stream.record);
    one.report.name = names[i];
    one.report.incarnation = (*log)->stream({i}).incarnation;
    one.report.head = out.next({i}) - 1;
    repair.streams.push_back(one.report);
  }

  put_producers(out, *source, *found, repair.problems);
  put_consumers(out, *source, *found);
  if (auto finished = out.finish(); !finished) return fail(finished.error());
  if (source->clock) {
    if (auto put = (*log)->put_clock(*source->clock); !put) return fail(put.error());
  }
  return repair;
}

/// So that at each moment one of the two is there as a whole.
Result<void> swap_in(const std::string& dir, const std::string& target, const std::string& kept) {
  const std::string file = dir + "/data.mdb";
  if (::link(file.c_str(), kept.c_str()) != 0) return fail_errno("cannot keep " + kept, errno);
  if (::rename((target + "/data.mdb").c_str(), file.c_str()) != 0)
    return fail_errno("cannot replace " + file, errno);
  if (auto synced = sync_folder(dir); !synced) return synced;
  std::error_code ignored;
  fs::remove(dir + "/lock.mdb", ignored);
  fs::remove_all(target, ignored);
  return {};
}

}  // namespace

Result<Repair> repair_log(const std::string& dir, WallTime now) {
  const std::string target = dir + "/repair";
  std::error_code error;
  fs::remove_all(target, error);  // of a repair that was ended
  if (error) return fail(ErrorCode::kIo, "cannot remove " + target + ": " + error.message());
  auto repair = rewrite(dir, target);
  if (!repair) {
    fs::remove_all(target, error);
    return repair;
  }
  repair->kept_as = dir + "/data.mdb.damaged-" + std::to_string(unix_ns(now) / 1'000'000'000);
  if (auto swapped = swap_in(dir, target, repair->kept_as); !swapped) return fail(swapped.error());
  return repair;
}

}  // namespace forebay
