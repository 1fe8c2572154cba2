#include "sidecar/status.h"

#include <nlohmann/json.hpp>

#include "common/event/json_value.h"

namespace forebay {

namespace {

std::int64_t microseconds(Nanoseconds duration) {
  return std::chrono::ceil<std::chrono::microseconds>(duration).count();
}

Json to_json(const ConnectionCounts& counts) {
  return {{"accepted", counts.accepted},
          {"let_in", counts.let_in},
          {"turned_away", counts.turned_away},
          {"ended", counts.ended}};
}

/// Buckets from 64 µs to 8 s, each twice as long as the one before.
Json to_json(const DurationHistogram& times) {
  Json buckets = Json::array();
  for (std::int64_t bound = 64; bound <= 8 << 20; bound *= 2) {
    buckets.push_back(
        {{"le_us", bound}, {"count", times.count_within(std::chrono::microseconds(bound))}});
  }
  return {{"count", times.count()},
          {"p50_us", microseconds(times.percentile(0.5))},
          {"p99_us", microseconds(times.percentile(0.99))},
          {"p999_us", microseconds(times.percentile(0.999))},
          {"max_us", microseconds(times.max())},
          {"total_us", microseconds(times.sum())},
          {"buckets", std::move(buckets)}};
}

}  // namespace

Result<Json> status_report(const StatusSources& sources) {
  const Log& log = sources.log;
  const auto room = log.room();
  if (!room) return fail(room.error());
  const Log::Snapshot snapshot = log.snapshot();
  std::map<std::string, Sequence, std::less<>> heads;
  Json streams = Json::array();
  for (std::size_t i = 0; i < log.stream_count(); ++i) {
    const auto stream = snapshot.stream({i});
    if (!stream) return fail(stream.error());
    heads[log.stream_name({i})] = stream->head();
    Json entry{{"stream", log.stream_name({i})}, {"incarnation", stream->incarnation.hex()},
               {"head", stream->head().value},   {"oldest", stream->oldest.value},
               {"bytes", stream->bytes},         {"lost", stream->lost},
               {"commit_time", nullptr},         {"refusing", sources.holds.refusing({i})},
               {"damaged", sources.damaged[i]}};
    if (stream->head().value > 0) entry["commit_time"] = to_rfc3339(stream->last_commit_time);
    streams.push_back(std::move(entry));
  }
  Json producers = Json::array();
  for (const Ingest::ProducerStatus& producer : sources.ingest.producers()) {
    producers.push_back({{"stream", producer.stream},
                         {"name", producer.name},
                         {"id", hex(producer.id)},
                         {"epoch", producer.epoch.value},
                         {"position", producer.position.value},
                         {"silent_ms", producer.silent.count()},
                         {"departed", producer.departed}});
  }
  Json readers = Json::array();
  const MonoTime now = SystemClock().mono();
  for (const auto& [key, consumer] : sources.consumers.all()) {
    const std::uint64_t head = heads[key.stream].value;
    const std::uint64_t read = consumer.read.value;
    Json entry{{"stream", key.stream},
               {"consumer", key.consumer},
               {"cursor", consumer.record.cursor.value},
               {"read", read},
               {"lag", head > read ? head - read : 0},
               {"lost", consumer.record.lost},
               {"failed", consumer.record.failed},
               {"state", consumer.diverged ? "DIVERGED" : consumer.state},
               {"heard_ms", nullptr}};
    if (consumer.heard != MonoTime{}) {
      entry["heard_ms"] =
          std::chrono::duration_cast<std::chrono::milliseconds>(now - consumer.heard).count();
    }
    readers.push_back(std::move(entry));
  }
  const IngestCounters& counters = sources.ingest.counters();
  auto refused = counters.refused;
  if (sources.unknown_keys > 0) refused["unknown_key"] = sources.unknown_keys;
  if (sources.forbidden_topics > 0) refused["forbidden_topic"] = sources.forbidden_topics;
  Json commits = to_json(sources.commit_times);
  commits["under_way_ms"] =
      std::chrono::duration_cast<std::chrono::milliseconds>(sources.commit_under_way).count();
  Json report{{"sidecar", sources.sidecar},
              {"version", sources.version},
              {"boot", log.boot().hex()},
              {"full", sources.full},
              {"disk", {{"left", room->left}, {"of", room->of}}},
              {"clock_doubted", sources.holds.clock_doubted()},
              {"streams", std::move(streams)},
              {"producers", std::move(producers)},
              {"consumers", std::move(readers)},
              {"commits", std::move(commits)},
              {"counters",
               {{"batches", counters.batches},
                {"events", counters.events},
                {"duplicates", counters.duplicates},
                {"resends_asked", counters.resends_asked},
                {"refused", std::move(refused)}}},
              {"connections", {{"near", to_json(sources.near)}, {"far", to_json(sources.far)}}}};
  return report;
}

}  // namespace forebay
