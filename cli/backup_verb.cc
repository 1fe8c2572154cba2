// forebay backup SIDECAR FILE, forebay restore SIDECAR FILE
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <vector>

#include "cli/progress.h"
#include "cli/reach.h"
#include "cli/verb.h"
#include "common/base/limits.h"
#include "common/client/range_reader.h"
#include "common/service/state_lock.h"
#include "common/wire/records_frame.h"
#include "sidecar/log/backup_file.h"
#include "sidecar/log/layout.h"
#include "sidecar/log/restore.h"
#include "topology/endpoints.h"

namespace forebay {
namespace {

struct BackupOptions {
  std::string sidecar, file;
};

unsigned long long shown(std::uint64_t value) { return value; }

std::string sequences(const BackedUpStream& stream) {
  if (stream.first == stream.next) return "nothing, next is " + std::to_string(stream.next.value);
  return "sequences " + std::to_string(stream.first.value) + "-" +
         std::to_string((stream.next - 1).value);
}

/// What the sidecar has besides batches, of one moment.
struct AllRecords {
  std::shared_ptr<const Message> owner;
  std::vector<BackedUpRecord> items;
};

Result<AllRecords> ask_for_records(ControlClient& client) {
  const auto answer = client.request(RecordsRequest{}, limits::kRequestTimeout);
  if (!answer) return fail(answer.error());
  const auto* records = std::get_if<Records>(&answer->body);
  if (records == nullptr || !answer->payload)
    return fail(ErrorCode::kCorruption, "the sidecar does not answer with its records");
  const auto entries = parse_records(answer->payload->view(), records->count);
  if (!entries) return fail(entries.error());
  AllRecords all{answer->payload, {}};
  for (const RecordEntry& entry : *entries) all.items.push_back({entry.key, entry.value});
  return all;
}

/// A stream up to `end`.
struct StreamRange {
  std::string name;
  StreamRecord record;
  Sequence end;
};

/// The records first and then the ends: what is published meanwhile is in the batches, and nothing
/// that a record tells of is missing.
Result<std::vector<StreamRange>> back_up_records(ControlClient& client, BackupWriter& out) {
  const auto records = ask_for_records(client);
  if (!records) return fail(records.error());
  std::vector<StreamRange> ranges;
  for (const BackedUpRecord& item : records->items) {
    if (item.key.starts_with(log_layout::kStreamPrefix)) {
      const std::string name(item.key.substr(log_layout::kStreamPrefix.size()));
      const auto record = decode_stream_record(item.value);
      if (!record) return fail(record.error().in("stream " + name));
      if (record->oldest.value == 0 || record->next < record->oldest)
        return fail(ErrorCode::kCorruption, "the record of stream " + name + " cannot be");
      const auto end = resolve_position(client, name, "end", limits::kRequestTimeout);
      if (!end && end.error().code == ErrorCode::kNotFound) {
        notice("stream " + name +
               " is no longer in the topology: what the log holds of it is not backed up");
        continue;
      }
      if (!end) return fail(end.error());
      if (end->incarnation != record->incarnation || end->sequence < record->next)
        return fail(ErrorCode::kDiverged, "stream " + name + " was replaced meanwhile: try again");
      ranges.push_back({name, *record, end->sequence});
    }
    if (auto put = out.put(item); !put) return fail(put.error());
  }
  return ranges;
}

/// False if some of it is damaged.
Result<bool> back_up_stream(ControlClient& client, const StreamRange& range, BackupWriter& out) {
  const auto& [stream, record, end] = range;
  RangeReader reader(client, {stream, record.oldest, end, record.incarnation});
  Progress progress(stream);
  bool whole = true, begun = false;
  std::uint64_t events = 0;
  while (true) {
    const auto piece = reader.next(limits::kRequestTimeout);
    if (!piece) return fail(piece.error());
    if (!*piece) return whole;
    if (const auto* batch = std::get_if<RangeReader::Events>(&**piece)) {
      if (auto put = out.put(BackedUpBatch{stream, batch->batch.bytes()}); !put)
        return fail(put.error());
      begun = true;
      events += batch->count;
      progress.show(reader.position().value - record.oldest.value, end.value - record.oldest.value,
                    events);
      continue;
    }
    const auto& missing = std::get<RangeReader::Missing>(**piece);
    const bool trimmed = !missing.recorded && missing.reason == "trimmed";
    if (trimmed && !begun) continue;  // it begins later by now
    begun = true;
    if (!missing.recorded) {
      whole = false;
      notice(stream + ": " + std::to_string(missing.count) + " events from " +
             std::to_string(missing.first.value) + " on are not in the backup: " +
             (trimmed ? "retention trimmed them while they were being read"
                      : "they are damaged; stop the sidecar and run `forebay verify --repair`"));
    }
    if (auto put = out.put(BackedUpGap{stream, missing.first, missing.count, missing.reason}); !put)
      return fail(put.error());
  }
}

/// Those that registered while the batches were read: a name that is not there would let its
/// publisher send again what the log has.
Result<void> back_up_late_producers(ControlClient& client, BackupWriter& out) {
  const auto records = ask_for_records(client);
  if (!records) return fail(records.error());
  for (BackedUpRecord item : records->items) {
    if (!item.key.starts_with(log_layout::kProducerPrefix)) continue;
    item.late = true;
    if (auto put = out.put(item); !put) return put;
  }
  return {};
}

struct BackedUp {
  BackedUpStreams streams;
  bool whole = true;
};

Result<BackedUp> back_up(ControlClient& client, const std::string& file) {
  auto out = BackupWriter::create(file);
  if (!out) return fail(out.error());
  const auto ranges = back_up_records(client, *out);
  if (!ranges) return fail(ranges.error());
  BackedUp done;
  for (const StreamRange& range : *ranges) {
    const auto whole = back_up_stream(client, range, *out);
    if (!whole) return fail(whole.error().in("stream " + range.name));
    done.whole = done.whole && *whole;
  }
  if (auto late = back_up_late_producers(client, *out); !late) return fail(late.error());
  if (auto finished = out->finish(); !finished) return fail(finished.error());
  // What was written is read again, from the file, before it gets its name.
  auto streams = check_backup(out->unfinished());
  if (!streams) return fail(streams.error());
  done.streams = std::move(*streams);
  if (auto kept = out->keep(); !kept) return fail(kept.error());
  return done;
}

int backup(const Globals& globals, const BackupOptions& options) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  const auto sidecar = find_sidecar(*topology, options.sidecar);
  if (!sidecar) return exit_with(sidecar.error());
  const auto reached = reach(globals, *topology, **sidecar);
  if (!reached) return exit_with(reached.error());
  const auto client = reached->control();
  if (!client) return exit_with(client.error());
  const auto done = back_up(**client, options.file);
  if (!done) return exit_with(done.error());
  for (const auto& [name, stream] : done->streams) {
    std::printf("%s: %llu events in %llu batches, %s\n", name.c_str(), shown(stream.events),
                shown(stream.batches), sequences(stream).c_str());
  }
  return done->whole ? kExitDone : kExitFailed;
}

int restore(const Globals& globals, const BackupOptions& options) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  if (const auto sidecar = find_sidecar(*topology, options.sidecar); !sidecar)
    return exit_with(sidecar.error());
  const std::string folder = state_folder(*topology, options.sidecar);
  const auto lock = StateLock::take(folder);
  if (!lock) return exit_with(lock.error());
  const auto done = restore_log(folder, options.file);
  if (!done) return exit_with(done.error());
  for (const auto& [name, stream] : done->streams) {
    std::printf("%s: %s, incarnation %s\n", name.c_str(), sequences(stream).c_str(),
                done->incarnations.at(name).hex().c_str());
  }
  notice("consumers stop as DIVERGED until `forebay consumers reset`");
  return kExitDone;
}

}  // namespace

void add_backup_verbs(CLI::App& app, Globals& globals) {
  const auto add = [&](const std::string& name, const std::string& what, const std::string& example,
                       int (*run)(const Globals&, const BackupOptions&)) {
    CLI::App* verb = add_verb(app, globals, name, what, example);
    auto options = std::make_shared<BackupOptions>();
    verb->add_option("SIDECAR", options->sidecar, "whose log")->required();
    verb->add_option("FILE", options->file, "the backup")->required();
    run_as(*verb, globals, [&globals, options, run] { return run(globals, *options); });
    return verb;
  };
  CLI::App* backup_verb = add("backup", "Writes all that a running sidecar holds into a file",
                              "  forebay backup inventory inventory-monday.fbak\n", backup);
  add_key_option(*backup_verb, globals);
  add("restore", "Makes the log of a sidecar, which has none, of a backup",
      "  forebay restore inventory inventory-monday.fbak\n", restore);
}

}  // namespace forebay
