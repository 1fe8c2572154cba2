#include "sidecar/log/log_at_rest.h"

#include "common/base/bytes.h"
#include "common/base/limits.h"
#include "sidecar/log/layout.h"

namespace forebay {
namespace {

using namespace log_layout;

constexpr std::string_view kNotCommitted = "a batch that is not the one that was committed";
constexpr std::string_view kNotThere = "batches that are not there";

std::string shown(std::string_view key) {
  std::string text;
  for (const char c : key.substr(0, 80))
    text += c >= ' ' && c <= '~' ? std::string(1, c) : "\\x" + to_hex(std::string_view(&c, 1));
  return text;
}

}  // namespace

LogAtRest::LogAtRest(PageFile file)
    : file_(std::make_unique<PageFile>(std::move(file))), walk_(*file_) {}

Result<LogAtRest> LogAtRest::open(const std::string& dir) {
  auto file = PageFile::open(dir + "/data.mdb");
  if (!file) return fail(file.error());
  const bool has_older = file->metas() == 2;
  LogAtRest log(std::move(*file));
  log.read_records();
  if (log.records_damaged_ && has_older) {
    auto again = PageFile::open(dir + "/data.mdb");
    if (!again) return fail(again.error());
    again->go_back();
    LogAtRest before(std::move(*again));
    before.read_records();
    if (!before.records_damaged_) {
      // First, since it is why others are there.
      before.problems.insert(
          before.problems.begin(),
          "the records of the last commit cannot be read: " + log.walk_.damage().front());
      before.older = true;
      log = std::move(before);
    }
  }
  std::string expected;
  append_le(expected, kFormat);
  if (log.format_ && *log.format_ != expected) {
    return fail(ErrorCode::kVersion, dir + ": its format is not " + std::to_string(kFormat) +
                                         ", which is what this build reads");
  }
  return log;
}

void LogAtRest::read_records() {
  walk_.run(file_->main(), [&](const PageFile::Entry& entry) {
    if (entry.key == kFormatKey) format_ = entry.value;
    take_record(entry);
  });
  records_damaged_ = walk_.damaged() > 0 || file_->metas() == 0;
  stale_ = walk_.miscounted();
  check_metas();
  if (!format_) problems.push_back("the format is not there");
  for (const auto& [name, stream] : streams) {
    if (!stream.record) problems.push_back("stream " + name + ": its record is not there");
    if (!stream.batches) problems.push_back("stream " + name + ": its batches are not there");
  }
}

void LogAtRest::check_metas() {
  if (!file_->metas_agree()) {
    older = true;
    problems.push_back(file_->metas() == 2
                           ? "the two first pages are not of one commit and the next"
                           : std::to_string(2 - file_->metas()) +
                                 " of the two first pages cannot be read" +
                                 (file_->unread().empty() ? "" : " (" + file_->unread() + ")"));
  }
  if (file_->pages() > file_->file_bytes() / kPageBytes) {
    // What would show that its records are older may be among what is gone.
    stale_ = true;
    problems.push_back("it says that it has more pages than the file");
  }
  const bool flags_known =
      file_->main().flags == 0 && file_->free_list().flags == PageFile::kIntegerKeys;
  if (file_->metas() > 0 && !flags_known)
    problems.push_back("its first page has flags that it never has");
}

void LogAtRest::take_record(const PageFile::Entry& entry) {
  const auto bad = [&](const Error& error) {
    damaged_keys_.emplace(entry.key);
    problems.push_back("record " + shown(entry.key) + ": " + error.message);
  };
  const auto name_after = [&](std::string_view prefix) -> std::optional<std::string> {
    if (!entry.key.starts_with(prefix)) return std::nullopt;
    return std::string(entry.key.substr(prefix.size()));
  };
  const auto no_name = [&](const std::string& name) {
    if (is_name(name) && (streams.contains(name) || streams.size() < limits::kStreamsMax))
      return false;
    bad({ErrorCode::kCorruption, "this is no stream's name"});
    return true;
  };
  if (const auto of_batches = name_after(kBatchesPrefix)) {
    if (no_name(*of_batches)) return;
    if (!entry.tree || entry.tree->flags != PageFile::kIntegerKeys)
      bad({ErrorCode::kCorruption, "its flags are not a stream's"});
    auto& batches = streams[*of_batches].batches = entry.tree;
    if (batches) batches->integer_keys = true;
  } else if (const auto stream = name_after(kStreamPrefix)) {
    if (no_name(*stream)) return;
    auto record = decode_stream_record(entry.value);
    if (!record) bad(record.error());
    streams[*stream].record = record ? std::optional(*record) : std::nullopt;
  } else if (const auto producer = name_after(kProducerPrefix)) {
    auto record = decode_producer_record(entry.value);
    if (!record) return bad(record.error());
    if (producer->size() != sizeof(std::uint64_t))
      return bad({ErrorCode::kCorruption, "a producer's key is not 8 bytes"});
    producers.emplace_back(ProducerId{load_le<std::uint64_t>(producer->data())},
                           std::move(*record));
  } else if (const auto consumer = name_after(kConsumerPrefix)) {
    auto record = decode_consumer_record(entry.value);
    if (!record) return bad(record.error());
    const std::size_t split = consumer->find('\0');
    if (split == std::string::npos)
      return bad({ErrorCode::kCorruption, "a consumer's key names no stream"});
    consumers.emplace_back(ConsumerKey{consumer->substr(0, split), consumer->substr(split + 1)},
                           *record);
  } else if (entry.key == kClockKey) {
    auto record = decode_clock_record(entry.value);
    if (!record) return bad(record.error());
    clock = std::move(*record);
  } else if (entry.key != kFormatKey && entry.key != kBootKey) {
    problems.push_back("an entry of no known name: " + shown(entry.key));
  }
}

LogAtRest::Read LogAtRest::read(const StreamAtRest& stream,
                                const std::function<void(const BatchView&)>& batch,
                                const std::function<void(const Hole&)>& hole) {
  ChainReader chain(stream.record, batch, hole);
  if (stream.batches) {
    walk_.run(*stream.batches, [&](const PageFile::Entry& entry) {
      chain.entry(load_le<std::uint64_t>(entry.key.data()), entry.value);
    });
  }
  chain.end();
  return chain.found();
}

void LogAtRest::read_ends() {
  for (const auto& [name, stream] : streams) {
    if (!stream.batches || !stream.record) continue;
    std::string last;
    append_le(last, stream.record->head().value);
    walk_.run_from(*stream.batches, last, [](const PageFile::Entry&) {});
  }
}

void LogAtRest::read_free_list() {
  std::set<std::uint64_t> roots;
  for (const auto& [name, stream] : streams) {
    if (stream.batches) roots.insert(stream.batches->root);
  }
  bool replaced = false;
  const std::uint64_t damaged_before = walk_.damaged() - walk_.used_twice();
  walk_.run(file_->free_list(), [&](const PageFile::Entry& entry) {
    const std::uint64_t count = entry.value.size() / sizeof(std::uint64_t);
    const auto number = [&](std::uint64_t index) {
      return load_le<std::uint64_t>(entry.value.data() + index * sizeof(std::uint64_t));
    };
    if (count == 0 || number(0) >= count)
      return walk_.damage(file_->free_list().root, "a list of free pages that is none");
    for (std::uint64_t i = 1; i <= number(0); ++i) {
      replaced |= roots.contains(number(i));
      walk_.take(number(i), 1);
    }
  });
  // A commit frees the pages that it replaces: a record that leads to one is older than the list,
  // unless the list is damaged itself.
  stale_ |= replaced && walk_.damaged() - walk_.used_twice() == damaged_before;
}

ChainReader::ChainReader(const std::optional<StreamRecord>& record,
                         const std::function<void(const BatchView&)>& batch,
                         const std::function<void(const Hole&)>& hole)
    : record_(record), batch_(batch), hole_(hole) {
  if (record) expected_ = record->oldest;
}

void ChainReader::damaged(std::string_view reason) {
  if (reason_.empty()) reason_ = reason;
}

void ChainReader::tell(Sequence next, std::uint64_t after) {
  if (reason_.empty()) reason_ = kNotThere;
  hole_({*expected_, next, std::exchange(reason_, {}), before_, after});
}

void ChainReader::entry(std::uint64_t key, std::string_view value) {
  const auto batch = BatchView::parse(value);
  const Sequence after = conflict_ ? conflict_->header.next()
                         : last_   ? last_->header.next()
                                   : Sequence{0};
  const auto bad = [&](const std::string& reason) {
    settle();
    damaged(reason);
  };
  if (!batch) return bad(batch.error().message);
  const BatchHeader& header = batch->header();
  if (header.first().value != key) return bad("a batch at the place of another");
  if (record_ && header.origin.incarnation != record_->incarnation)
    return bad("a batch of another incarnation");
  // A record may be older than its batches, never in their midst.
  if (record_ && header.first() < record_->next && header.next() > record_->next)
    return bad("a batch that the head lies in");
  if (header.first() < after || (expected_ && header.first() < *expected_))
    return bad("a batch that overlaps the one before");
  take({std::string(value), header});
}

/// A batch that its successor does not name is an old copy of itself, or the successor is: what
/// comes after that one decides.
void ChainReader::take(Held next) {
  const Held* before = conflict_ ? &*conflict_ : last_ ? &*last_ : nullptr;
  if (before == nullptr || before->header.next() != next.header.first()) {
    settle();
    last_ = std::move(next);
    return;
  }
  if (before->header.checksum == next.header.place.previous_checksum) {
    if (conflict_) {
      damaged(kNotCommitted);
      last_ = std::exchange(conflict_, std::nullopt);
    }
    emit(*last_);
    last_ = std::move(next);
  } else if (conflict_) {
    settle();
    last_ = std::move(next);
  } else {
    conflict_ = std::move(next);
  }
}

/// Nothing follows that vouches for what is held.
void ChainReader::settle() {
  if (last_) emit(*std::exchange(last_, std::nullopt));
  if (std::exchange(conflict_, std::nullopt)) damaged(kNotCommitted);
}

void ChainReader::end() {
  const Held* last = conflict_ ? &*conflict_ : last_ ? &*last_ : nullptr;
  if (record_ && last != nullptr && last->header.next() == record_->next) {
    const bool vouched = last->header.checksum == record_->last_checksum;
    if (vouched && conflict_) {
      last_ = std::exchange(conflict_, std::nullopt);
      damaged(kNotCommitted);
    } else if (!vouched && !conflict_) {
      last_.reset();
      damaged(kNotCommitted);
    }
  }
  settle();
  if (record_ && *expected_ < record_->next) tell(record_->next, record_->last_checksum);
  if (!reason_.empty()) ++found_.odd;
  found_.beyond = record_ && expected_ > record_->next;
}

void ChainReader::emit(const Held& held) {
  const BatchHeader& header = held.header;
  if (expected_ && *expected_ < header.first())
    tell(header.first(), header.place.previous_checksum);
  if (!std::exchange(reason_, {}).empty()) ++found_.odd;
  batch_(*BatchView::parse(held.bytes));
  expected_ = header.next();
  before_ = header.checksum;
}

}  // namespace forebay
