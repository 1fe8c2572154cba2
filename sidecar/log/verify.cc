#include "sidecar/log/verify.h"

#include <algorithm>
#include <map>

namespace forebay {
namespace {

/// What the batches of a stream say of its producers.
struct Committed {
  ProducerSequence last;
  Epoch epoch;
};

/// Reads a stream and compares its record and its producers' with what it holds.
class StreamCheck {
 public:
  StreamCheck(const std::string& name, const StreamAtRest& stream) : stream_(stream) {
    report_.name = name;
    if (stream.record) report_.oldest = stream.record->oldest, report_.head = stream.record->head();
  }

  void batch(const BatchView& batch) {
    const BatchHeader& header = batch.header();
    if (report_.batches++ == 0 && !stream_.record) report_.oldest = header.first();
    if (!stream_.record) report_.head = header.last();
    bytes_ += batch.bytes().size();
    if (header.kind == BatchKind::kGap) {
      report_.lost += header.count;
      return;
    }
    report_.events += header.count;
    Committed& of = producers_[header.origin.producer];
    of.last = std::max(of.last, header.origin.last);
    of.epoch = std::max(of.epoch, header.origin.epoch);
  }

  void hole(const Hole& hole) {
    if (report_.holes.size() < limits::kHolesShownMax) report_.holes.push_back(hole);
    ++report_.hole_count;
    report_.damaged += hole.count();
  }

  StreamReport finish(const LogAtRest::Read& read, const LogAtRest& log,
                      std::vector<std::string>& problems) {
    const auto problem = [&](const std::string& what) {
      problems.push_back("stream " + report_.name + ": " + what);
    };
    if (read.odd > 0) problem(std::to_string(read.odd) + " entries that belong nowhere");
    if (read.beyond) problem("it goes on past what its record knows of");
    if (stream_.record && report_.hole_count == 0) {
      if (stream_.record->bytes != bytes_)
        problem("its record says " + std::to_string(stream_.record->bytes) + " bytes, it holds " +
                std::to_string(bytes_));
      if (stream_.record->lost != report_.lost)
        problem("its record says " + std::to_string(stream_.record->lost) +
                " lost, its gap records " + std::to_string(report_.lost));
    }
    for (const auto& [id, record] : log.producers) {
      const auto found = producers_.find(id);
      if (record.stream != report_.name || found == producers_.end()) continue;
      if (record.position < found->second.last || record.epoch < found->second.epoch)
        problem("the record of producer " + std::to_string(id.value) +
                " is older than its last batch");
    }
    return std::move(report_);
  }

 private:
  const StreamAtRest& stream_;
  StreamReport report_;
  std::uint64_t bytes_ = 0;
  std::map<ProducerId, Committed> producers_;
};

}  // namespace

bool LogReport::sound() const {
  return problems.empty() && !structure_damaged &&
         std::all_of(streams.begin(), streams.end(),
                     [](const StreamReport& stream) { return stream.hole_count == 0; });
}

Result<LogReport> verify_log(const std::string& dir) {
  auto log = LogAtRest::open(dir);
  if (!log) return fail(log.error());
  LogReport report;
  report.producers = log->producers.size();
  report.consumers = log->consumers.size();
  report.pages = log->file().pages();
  report.problems = log->problems;
  for (const auto& [name, stream] : log->streams) {
    StreamCheck check(name, stream);
    const LogAtRest::Read read = log->read(
        stream, [&](const BatchView& batch) { check.batch(batch); },
        [&](const Hole& hole) { check.hole(hole); });
    report.streams.push_back(check.finish(read, *log, report.problems));
  }
  log->read_free_list();
  report.structure_damaged = log->walk().damaged() > 0;
  const auto& damage = log->walk().damage();
  report.problems.insert(report.problems.end(), damage.begin(), damage.end());
  if (log->walk().damaged() > damage.size())
    report.problems.push_back("and " + std::to_string(log->walk().damaged() - damage.size()) +
                              " more damaged pages");
  return report;
}

}  // namespace forebay
