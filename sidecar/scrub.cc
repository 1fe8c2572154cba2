#include "sidecar/scrub.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>

#include "common/base/limits.h"
#include "sidecar/log/layout.h"
#include "sidecar/log/page_file.h"

namespace forebay {
namespace {

using namespace log_layout;

constexpr const char* kMend =
    "stop the sidecar and run `forebay verify --repair`, or restore a backup";

/// What the main tree has under a key.
struct Found {
  std::string value;
  std::optional<PageFile::Tree> tree;
};

Result<Found> find(const PageFile& file, const std::string& key) {
  TreeWalk walk(file);
  std::optional<Found> found;
  walk.run_from(file.main(), key, [&](const PageFile::Entry& entry) {
    if (entry.key == key) found = Found{std::string(entry.value), entry.tree};
    walk.stop();
  });
  if (found) return std::move(*found);
  return fail(ErrorCode::kCorruption,
              walk.damage().empty() ? key + " is not there" : walk.damage().front());
}

/// Both of one commit.
struct StreamOnDisk {
  StreamRecord record;
  PageFile::Tree batches;
};

Result<StreamOnDisk> find_stream(const PageFile& file, const std::string& name) {
  const auto stored = find(file, stream_key(name));
  if (!stored) return fail(stored.error());
  const auto record = decode_stream_record(stored->value);
  if (!record) return fail(record.error());
  const auto batches = find(file, batches_key(name));
  if (!batches) return fail(batches.error());
  if (!batches->tree) return fail(ErrorCode::kCorruption, "its batches are no tree");
  StreamOnDisk stream{*record, *batches->tree};
  stream.batches.integer_keys = true;
  return stream;
}

/// `before`: the checksum of the batch that ends where this one begins; 0: unknown.
std::string why_not(const Result<BatchView>& batch, Sequence key, const Incarnation& incarnation,
                    std::uint64_t before) {
  if (!batch) return batch.error().message;
  const BatchHeader& header = batch->header();
  if (header.first() != key || header.origin.incarnation != incarnation)
    return "a batch that does not fit its place in the log";
  if (before != 0 && header.place.previous_checksum != before)
    return "it or the batch before it is not the one that was committed";
  return "";
}

}  // namespace

Scrubber::Scrubber(const Log& log, const std::string& dir, Memory& memory)
    : log_(log), memory_(memory), file_(dir + "/data.mdb"), damaged_(log.stream_count()) {
  for (std::size_t i = 0; i < log.stream_count(); ++i) {
    const std::string& name = log.stream_name({i});
    if (const auto known = memory.damaged.find(name); known != memory.damaged.end())
      damaged_[i] = known->second;
    if (name != memory.stream) continue;
    stream_ = StreamIndex{i};
    next_ = memory.next;
    checksum_ = memory.checksum;
    stream_damage_ = memory.stream_damage;
  }
}

Scrubber::~Scrubber() {
  memory_ = {};
  for (std::size_t i = 0; i < damaged_.size(); ++i)
    memory_.damaged[log_.stream_name({i})] = damaged_[i];
  if (stream_.value == log_.stream_count()) return;
  memory_.stream = log_.stream_name(stream_);
  memory_.next = next_;
  memory_.checksum = checksum_;
  memory_.stream_damage = stream_damage_;
}

Result<bool> Scrubber::step(std::size_t bytes) {
  std::size_t looked_at = 0;
  while (stream_.value < log_.stream_count() && looked_at < bytes) {
    auto look = this->look(stream_, bytes - looked_at);
    if (!look) return fail(look.error());
    if (!look->damage.empty() || !look->stream_damage.empty()) {
      // Once more: the file may have been written to between two reads of the same look.
      auto again = this->look(stream_, bytes - looked_at);
      if (!again) return fail(again.error());
      std::erase_if(again->damage, [&](const Damage& each) {
        return std::find(look->damage.begin(), look->damage.end(), each) == look->damage.end();
      });
      if (look->stream_damage.empty()) again->stream_damage.clear();
      look = std::move(again);
    }
    note(stream_, *look);
    looked_at += std::max(look->bytes, limits::kScrubLookBytesMin);
    next_ = look->next;
    checksum_ = look->checksum;
    if (!end_) end_ = look->head_next;
    if (stream_damage_.empty()) stream_damage_ = look->stream_damage;
    if (!look->ended && next_ < *end_) continue;
    note_stream(stream_, std::exchange(stream_damage_, {}));
    ++stream_.value;
    next_ = Sequence{1};
    checksum_ = 0;
    end_.reset();
  }
  if (stream_.value < log_.stream_count()) return true;
  stream_ = StreamIndex{0};
  return false;
}

Result<Scrubber::Look> Scrubber::look(StreamIndex stream, std::size_t bytes) const {
  // While a snapshot is held, no page is used again that the trees of this moment, or of one after
  // it, lead to. A short while: what is trimmed meanwhile can be used again soon.
  const Log::Snapshot pin = log_.snapshot();
  const auto file = PageFile::open(file_);
  if (!file) return fail(file.error());
  const auto stored = find_stream(*file, std::string(log_.stream_name(stream)));
  Look look;
  if (!stored) {
    look.ended = true;
    look.stream_damage = stored.error().message;
    return look;
  }
  const StreamRecord& record = stored->record;
  look.oldest = record.oldest;
  look.first = look.next = std::max(next_, record.oldest);
  look.checksum = look.next == next_ ? checksum_ : 0;
  look.head_next = record.next;

  TreeWalk walk(*file);
  std::string reason;  // of the damage since look.next
  const auto hole_up_to = [&](Sequence next) {
    if (reason.empty())
      reason = walk.damage().empty() ? "batches that are not there" : walk.damage().front();
    look.damage.push_back({look.next, next, std::exchange(reason, {})});
    look.next = next;
    look.checksum = 0;
  };
  std::string from;
  append_le(from, look.next.value);
  walk.run_from(stored->batches, from, [&](const PageFile::Entry& entry) {
    const Sequence key{load_le<std::uint64_t>(entry.key.data())};
    if (look.bytes >= bytes && key > look.first) {
      if (look.next < key) hole_up_to(key);
      return walk.stop();
    }
    look.bytes += entry.value.size();
    const auto batch = BatchView::parse(entry.value);
    const std::uint64_t before = key == look.next ? look.checksum : 0;
    if (auto why = why_not(batch, key, record.incarnation, before);
        !why.empty() || key < look.next) {
      if (reason.empty()) reason = why.empty() ? "a batch that overlaps the one before" : why;
      return;
    }
    if (look.next < key) hole_up_to(key);
    look.next = batch->header().next();
    look.checksum = batch->header().checksum;
  });
  if (!walk.stopped()) {
    look.ended = true;
    if (walk.gave_up()) {
      hole_up_to(look.next + 1);
    } else if (look.next < record.next) {
      hole_up_to(record.next);
    } else if (look.checksum != 0 && look.checksum != record.last_checksum) {
      look.stream_damage = "its last batch is not the one that was committed";
    }
  }
  if (look.damage.empty() && !walk.damage().empty()) look.stream_damage = walk.damage().front();
  return look;
}

void Scrubber::note(StreamIndex stream, const Look& look) {
  auto& damaged = damaged_[stream.value];  // which no other thread changes
  std::map<Sequence, std::uint64_t> found;
  for (const Damage& each : look.damage) {
    const std::uint64_t count = each.next.value - each.first.value;
    found[each.first] = count;
    const auto known = damaged.find(each.first);
    if (known != damaged.end() && known->second == count) continue;
    spdlog::error("stream {}: sequences {} to {} are damaged on disk: {}; {}",
                  log_.stream_name(stream), each.first.value, each.next.value - 1, each.what,
                  kMend);
  }
  const std::lock_guard hold(mutex_);
  damaged.erase(damaged.upper_bound(Sequence{0}), damaged.lower_bound(look.oldest));
  damaged.erase(damaged.lower_bound(look.first), damaged.lower_bound(look.next));
  damaged.merge(found);
}

void Scrubber::note_stream(StreamIndex stream, const std::string& damage) {
  auto& damaged = damaged_[stream.value];
  if (!damage.empty() && !damaged.contains(Sequence{0}))
    spdlog::error("stream {}: it is damaged on disk: {}; {}", log_.stream_name(stream), damage,
                  kMend);
  const std::lock_guard hold(mutex_);
  if (damage.empty()) {
    damaged.erase(Sequence{0});
  } else {
    damaged.emplace(Sequence{0}, 1);
  }
}

std::vector<std::uint64_t> Scrubber::damage() const {
  const std::lock_guard hold(mutex_);
  std::vector<std::uint64_t> counts;
  for (const auto& damaged : damaged_) {
    std::uint64_t count = 0;
    for (const auto& [first, sequences] : damaged) count += sequences;
    counts.push_back(count);
  }
  return counts;
}

}  // namespace forebay
