#include "sidecar/self_look.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"
#include "common/event/json_fields.h"
#include "topology/units.h"

namespace forebay {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::minutes;

double seconds_of(Nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

std::uint64_t number(const Json& object, const char* key) {
  return number_in(object, key).value_or(0);
}

double as_gauge(const Json& object, const char* key) {
  return static_cast<double>(number(object, key));
}

Exposition::Histogram histogram_of(const Json& commits) {
  Exposition::Histogram histogram;
  for (const Json& bucket : list_in(commits, "buckets"))
    histogram.buckets.emplace_back(as_gauge(bucket, "le_us") / 1e6, number(bucket, "count"));
  histogram.buckets.emplace_back(INFINITY, number(commits, "count"));
  histogram.sum_seconds = as_gauge(commits, "total_us") / 1e6;
  return histogram;
}

}  // namespace

SelfLook::SelfLook(const Log& log, const Clock& clock, const Alerts& thresholds, Memory& memory)
    : log_(log), clock_(clock), thresholds_(thresholds), memory_(memory), began_(clock.mono()) {
  for (std::size_t i = 0; i < log.stream_count(); ++i) streams_[log.stream_name({i})] = {i};
}

Findings SelfLook::look(const Json& report) {
  now_ = clock_.mono();
  last_ = std::exchange(memory_, {});
  findings_ = {};
  findings_.metrics = Exposition({{"sidecar", text_in(report, "sidecar")}});
  lag_max_ = 0;
  silent_.clear();
  look_at_sidecar(report);
  for (const Json& stream : list_in(report, "streams")) look_at_stream(stream);
  for (const Json& consumer : list_in(report, "consumers")) look_at_consumer(consumer);
  for (const Json& producer : list_in(report, "producers")) look_at_producer(producer);
  tell_of_producers();
  look_at_refusals(report);
  findings_.line = line(report);
  looked_ = now_;
  return std::move(findings_);
}

void SelfLook::raise(const std::string& alert, const std::string& subject,
                     const std::string& text) {
  findings_.conditions.push_back({alert, subject, text});
}

bool SelfLook::grows(const Of& of, std::uint64_t count) {
  Grown grown = last_.lost[of];
  if (count > grown.count) grown.at = now_;
  grown.count = count;
  memory_.lost[of] = grown;
  return count > 0 && now_ - grown.at < limits::kAlertLostFor;
}

void SelfLook::look_at_sidecar(const Json& report) {
  Exposition& metrics = findings_.metrics;
  const bool full = says(report, "full"), doubted = says(report, "clock_doubted");
  metrics.gauge("forebay_full", "1 while the log takes nothing, and publishers hold.", {}, full);
  metrics.gauge("forebay_clock_doubted", "1 while nothing is trimmed by age.", {}, doubted);
  const Json& disk = object_in(report, "disk");
  const std::uint64_t left = number(disk, "left"), of = number(disk, "of");
  metrics.gauge("forebay_disk_left_bytes", "What the log still takes.", {},
                static_cast<double>(left));
  metrics.gauge("forebay_disk_bytes", "Of how much: disk_max, or the disk.", {},
                static_cast<double>(of));
  const Json& commits = object_in(report, "commits");
  metrics.histogram("forebay_commit_seconds", "How long commits take, synced.", {},
                    histogram_of(commits));
  const auto under_way = milliseconds_in(commits, "under_way_ms").value_or(milliseconds(0));
  metrics.gauge("forebay_commit_under_way_seconds",
                "How long the present commit has taken so far; 0: there is none.", {},
                seconds_of(under_way));
  if (under_way > limits::kCommitStuck) {
    raise("stuck", "",
          "a commit has been under way for " + format_duration(under_way) +
              ", and publishers hold: does its disk answer?");
    findings_.not_ready.emplace_back("a commit does not come to an end");
  }
  const Json& counters = object_in(report, "counters");
  metrics.counter("forebay_events_total", "Events taken in.", {}, number(counters, "events"));
  metrics.counter("forebay_batches_total", "Batches taken in.", {}, number(counters, "batches"));
  metrics.counter("forebay_duplicates_total", "Batches dropped that were in the log already.", {},
                  number(counters, "duplicates"));
  metrics.counter("forebay_resends_asked_total", "Times a publisher was asked to send again.", {},
                  number(counters, "resends_asked"));
  for (const auto& [from, counts] : object_in(report, "connections").items()) {
    for (const auto& [what, count] : counts.items()) {
      metrics.counter("forebay_connections_total", "Connections, by where from and what became.",
                      {{"from", from}, {"what", what}}, count.get<std::uint64_t>());
    }
  }
  if (full) {
    raise("full", "",
          "the log takes nothing more: make room, raise disk_max, or let retention trim");
    findings_.not_ready.emplace_back("the log is full");
  } else if (thresholds_.low(left, of)) {
    raise("disk", "",
          std::to_string(left >> 20) + " MiB are left of " + std::to_string(of >> 20) +
              ": then the log is full, and publishers hold");
  }
  if (doubted)
    raise("clock", "",
          "the wall clock may be wrong, so nothing is trimmed by age: `forebay clock trust`");
}

void SelfLook::look_at_stream(const Json& stream) {
  const std::string name = text_in(stream, "stream");
  const Exposition::Labels labels{{"stream", name}};
  Exposition& metrics = findings_.metrics;
  const std::uint64_t lost = number(stream, "lost"), damaged = number(stream, "damaged");
  metrics.gauge("forebay_head", "Last sequence of the stream.", labels, as_gauge(stream, "head"));
  metrics.gauge("forebay_oldest", "First sequence held.", labels, as_gauge(stream, "oldest"));
  metrics.gauge("forebay_stream_bytes", "Bytes of batches held.", labels,
                as_gauge(stream, "bytes"));
  metrics.gauge("forebay_stream_lost", "Events in the log's gaps.", labels,
                static_cast<double>(lost));
  metrics.gauge("forebay_stream_damaged", "Events of batches found damaged.", labels,
                static_cast<double>(damaged));
  const bool refusing = says(stream, "refusing");
  metrics.gauge("forebay_stream_refusing", "1 while it waits for a consumer, and publishers hold.",
                labels, refusing);
  if (damaged > 0)
    raise("damaged", name,
          std::to_string(damaged) + " events cannot be read: `forebay verify --repair`");
  if (grows({name, ""}, lost))
    raise("lost", name, "the log has gaps of " + std::to_string(lost) + " events");
  if (refusing)
    raise("waits", name, "it holds all that it may, and a consumer has yet to read the oldest");
}

/// How long the first event that a consumer has yet to read is on disk; 0 where that is not known.
Nanoseconds SelfLook::age(const std::string& stream, Sequence next) const {
  const auto index = streams_.find(stream);
  if (index == streams_.end()) return Nanoseconds(0);
  std::optional<WallTime> committed;
  const auto see = [&](const Log::Snapshot::Stored& stored) {
    if (stored.batch) committed = stored.batch->header().place.commit_time;
    return false;
  };
  const auto read = log_.snapshot().scan(index->second, next, see);
  if (!read || !committed) return Nanoseconds(0);  // damaged: told of as that
  return std::max(clock_.wall() - *committed, Nanoseconds(0));
}

void SelfLook::look_at_consumer(const Json& consumer) {
  const std::string stream = text_in(consumer, "stream"), name = text_in(consumer, "consumer");
  const std::string who = name + " of " + stream;
  const Exposition::Labels labels{{"stream", stream}, {"consumer", name}};
  const std::uint64_t cursor = number(consumer, "cursor"), lag = number(consumer, "lag");
  const std::uint64_t lost = number(consumer, "lost");
  const Nanoseconds behind =
      lag > 0 ? age(stream, Sequence{number(consumer, "read") + 1}) : Nanoseconds(0);
  // Who has not come back since the start may yet.
  const auto heard = milliseconds_in(consumer, "heard_ms");
  const bool silent = (heard ? Nanoseconds(*heard) : now_ - began_) > limits::kConsumerSilent;
  lag_max_ = std::max(lag_max_, lag);
  Exposition& metrics = findings_.metrics;
  metrics.gauge("forebay_consumer_cursor", "Last sequence applied, as reported.", labels,
                static_cast<double>(cursor));
  metrics.gauge("forebay_consumer_lag_events", "Events it has yet to apply.", labels,
                static_cast<double>(lag));
  metrics.gauge("forebay_consumer_lag_seconds", "How long the first of them has been on disk.",
                labels, seconds_of(behind));
  metrics.gauge("forebay_consumer_lost", "Events that it could not have.", labels,
                static_cast<double>(lost));
  metrics.gauge("forebay_consumer_failed", "Events that its handler refused.", labels,
                as_gauge(consumer, "failed"));
  metrics.gauge("forebay_consumer_silent", "1 while it reports nothing.", labels, silent);

  const std::string state = text_in(consumer, "state");
  if (state == "DIVERGED")
    raise("diverged", who, "the log is another than it follows: `forebay consumers reset`");
  if (grows({stream, name}, lost))
    raise("lost", who, std::to_string(lost) + " events that it could not have");
  if (silent)
    raise("silent_consumer", who,
          "nothing is heard of it, and what it has yet to read is kept: start it, or `forebay "
          "consumers forget`");
  const bool known = heard || silent;  // its cursor is no older than its last report
  if (known && (lag > thresholds_.lag_events || behind > thresholds_.lag_age))
    raise("lag", who,
          std::to_string(lag) + " events behind, the first for " +
              format_duration(duration_cast<milliseconds>(behind)));
  Standing& standing = memory_.standing[{stream, name}] = last_.standing[{stream, name}];
  if (standing.since == MonoTime{} || standing.cursor != cursor || lag == 0 || silent)
    standing = {cursor, now_};
  if (heard && now_ - standing.since > thresholds_.not_moving)
    raise("not_moving", who,
          "its cursor stands at " + std::to_string(cursor) + ", and " + std::to_string(lag) +
              " events wait for it");
}

void SelfLook::look_at_producer(const Json& producer) {
  const std::string name = text_in(producer, "name"), stream = text_in(producer, "stream");
  // One without a name that comes back is another: nobody can tell whether it is missed.
  if (says(producer, "departed") || name.empty()) return;
  const auto silent = milliseconds_in(producer, "silent_ms").value_or(milliseconds(0));
  // Of several of a name, one for each file that it published, the one that is heard counts.
  const auto [known, first] = silent_.emplace(Of{stream, name}, silent);
  if (!first) known->second = std::min<Nanoseconds>(known->second, silent);
}

void SelfLook::tell_of_producers() {
  for (const auto& [of, silent] : silent_) {
    const auto& [stream, name] = of;
    findings_.metrics.gauge("forebay_producer_silent_seconds", "How long nothing was heard of it.",
                            {{"stream", stream}, {"producer", name}}, seconds_of(silent));
    if (silent > thresholds_.producer_silent)
      raise(
          "silent_producer", name + " of " + stream,
          "nothing is heard of it, and it has not said goodbye: start it; if it never comes back, "
          "`forebay producers forget`");
  }
}

void SelfLook::look_at_refusals(const Json& report) {
  std::map<std::string, std::uint64_t> counts;
  for (const auto& [reason, count] : object_in(object_in(report, "counters"), "refused").items()) {
    counts[reason] = count.get<std::uint64_t>();
    findings_.metrics.counter("forebay_refused_total", "What was refused, by reason.",
                              {{"reason", reason}}, counts[reason]);
  }
  const auto& before = refused_.empty() ? counts : refused_.front().second;
  for (const auto& [reason, count] : counts) {
    const auto known = before.find(reason);
    const std::uint64_t more = count - (known == before.end() ? 0 : known->second);
    // Of what is held back there are alerts of their own.
    if (reason == "full" || reason == "unsendable") continue;
    if (more >= thresholds_.refusals)
      raise("refusals", reason, std::to_string(more) + " within a minute");
  }
  refused_.emplace_back(now_, std::move(counts));
  while (now_ - refused_.front().first > minutes(1)) refused_.pop_front();
}

std::string SelfLook::line(const Json& report) {
  const std::uint64_t events = number(object_in(report, "counters"), "events");
  const double passed = seconds_of(now_ - looked_);
  const double rate = looked_ == MonoTime{} || passed <= 0
                          ? 0
                          : static_cast<double>(events - std::exchange(events_, events)) / passed;
  events_ = events;
  const Json& streams = list_in(report, "streams");
  std::uint64_t head = 0;
  for (const Json& stream : streams) head = std::max(head, number(stream, "head"));
  return std::to_string(streams.size()) + " streams, highest head " + std::to_string(head) + ", " +
         std::to_string(std::llround(rate)) + " events/s, greatest lag " +
         std::to_string(lag_max_) + (says(report, "full") ? ", FULL" : "");
}

}  // namespace forebay
