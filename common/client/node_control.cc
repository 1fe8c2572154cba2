#include "common/client/node_control.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"

namespace forebay {
namespace {

Json error_answer(const Error& error) {
  return {{"error", {{"code", to_string(error.code)}, {"message", error.message}}}};
}

Json answer_of(const Result<void>& done) {
  return done ? Json{{"ok", true}} : error_answer(done.error());
}

std::string text_field(const Json& request, const char* name) {
  const auto found = request.find(name);
  return found != request.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<std::map<std::string, Sequence>> sequences_field(const Json& request, const char* name) {
  std::map<std::string, Sequence> sequences;
  const auto found = request.find(name);
  if (found == request.end()) return sequences;
  if (!found->is_object())
    return fail(ErrorCode::kBadInput, std::string("\"") + name + "\" is no map");
  for (const auto& [stream, value] : found->items()) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() == 0) {
      return fail(ErrorCode::kBadInput,
                  std::string("\"") + name + "\" of " + stream + " is no sequence from 1 on");
    }
    sequences[stream] = Sequence{value.get<std::uint64_t>()};
  }
  return sequences;
}

Json progress(const Consumer& consumer) {
  const BuildProgress build = consumer.build_progress();
  Json json{{"running", build.running},
            {"build", build.id},
            {"view", build.view},
            {"applied", build.applied},
            {"total", build.total}};
  if (build.error) json["error"] = error_answer(*build.error)["error"];
  return json;
}

Json failed(const Consumer& consumer, const Json& request) {
  const auto view = consumer.view();
  if (!view) return error_answer(view.error());
  const std::string stream = text_field(request, "stream");
  const auto limit = request.find("limit");
  const std::size_t count =
      limit != request.end() && limit->is_number_unsigned() ? limit->get<std::size_t>() : 100;
  const ReadTransaction read = (*view)->store().read();
  Json all = Json::array();
  const auto found = (*view)->failed(read, stream, std::min(count, limits::kFailedListMax));
  if (!found) return error_answer(found.error());
  for (const auto& event : *found) {
    all.push_back({{"sequence", event.sequence.value},
                   {"time", to_rfc3339(event.commit_time)},
                   {"reason", event.reason},
                   {"bytes", event.encoded_event.size()}});
  }
  return {{"failed", std::move(all)}};
}

/// What became of one sequence; `record` is of the same moment as `read`.
Result<Json> fate_of(const ConsumerStore& store, const ReadTransaction& read,
                     const std::string& stream, const CursorRecord& record,
                     const std::vector<ConsumerStore::SkippedGap>& gaps, Sequence sequence) {
  Json fate{
      {"sequence", sequence.value}, {"state", "applied"}, {"time", nullptr}, {"reason", nullptr}};
  if (sequence > record.cursor.sequence) {
    fate["state"] = "not_yet";
    return fate;
  }
  if (sequence <= record.start) {
    fate["state"] = "before_start";
    return fate;
  }
  const auto time = store.apply_times().find(read, stream, sequence);
  if (!time) return fail(time.error());
  if (*time) fate["time"] = to_rfc3339(**time);
  const auto refused = store.failed_at(read, stream, sequence);
  if (!refused) return fail(refused.error());
  if (*refused) {
    fate["state"] = "failed";
    fate["reason"] = (*refused)->reason;
  }
  for (const ConsumerStore::SkippedGap& gap : gaps) {
    if (sequence < gap.first || sequence.value - gap.first.value >= gap.count) continue;
    fate["state"] = "lost";
    fate["reason"] = gap.reason;
  }
  return fate;
}

Result<std::vector<Sequence>> sequences_of(const Json& request) {
  const auto found = request.find("sequences");
  if (found == request.end() || !found->is_array() ||
      found->size() > limits::kAppliedSequencesMax) {
    return fail(ErrorCode::kBadInput, "\"sequences\" are no list of at most " +
                                          std::to_string(limits::kAppliedSequencesMax) +
                                          " sequences");
  }
  std::vector<Sequence> sequences;
  for (const Json& each : *found) {
    if (!each.is_number_unsigned() || each.get<std::uint64_t>() == 0)
      return fail(ErrorCode::kBadInput, "\"sequences\" has what is no sequence from 1 on");
    sequences.push_back(Sequence{each.get<std::uint64_t>()});
  }
  return sequences;
}

Result<Json> applied(const Consumer& consumer, const Json& request) {
  const auto sequences = sequences_of(request);
  if (!sequences) return fail(sequences.error());
  const std::string stream = text_field(request, "stream");
  const auto all = consumer.status();
  const auto status = all.find(stream);
  if (status == all.end())
    return fail(ErrorCode::kNotFound, "no subscription to '" + stream.substr(0, 64) + "'");
  const auto view = consumer.view();
  if (!view) return fail(view.error());
  const ReadTransaction read = (*view)->store().read();
  const auto stored = (*view)->cursor(read, stream);
  if (!stored) return fail(stored.error());
  const CursorRecord record = stored->value_or(CursorRecord{});
  const auto gaps = (*view)->gaps(read, stream);
  if (!gaps) return fail(gaps.error());
  const auto oldest = (*view)->apply_times().oldest(read, stream);
  if (!oldest) return fail(oldest.error());
  Json fates = Json::array();
  for (const Sequence sequence : *sequences) {
    auto fate = fate_of(**view, read, stream, record, *gaps, sequence);
    if (!fate) return fail(fate.error());
    fates.push_back(std::move(*fate));
  }
  const std::uint64_t cursor = record.cursor.sequence.value;
  const std::uint64_t head = status->second.head.value;
  Json answer{{"stream", stream},
              {"state", to_string(status->second.state)},
              {"incarnation", record.cursor.incarnation.hex()},
              {"cursor", cursor},
              {"head", head},
              {"lag", head > cursor ? head - cursor : 0},
              {"oldest", nullptr},
              {"applied", std::move(fates)}};
  if (*oldest) {
    answer["oldest"] = {{"sequence", (*oldest)->first.value},
                        {"time", to_rfc3339((*oldest)->time)}};
  }
  return answer;
}

Json replay(Consumer& consumer, std::string_view bytes) {
  const auto outcome = consumer.replay(std::string(bytes));
  if (!outcome) return error_answer(outcome.error());
  Json refused = Json::array();
  for (const auto& each : outcome->refused)
    refused.push_back(Json::array({each.sequence.value, each.reason}));
  return {{"applied", outcome->applied}, {"refused", std::move(refused)}};
}

Json answer(Consumer& consumer, const Json& request) {
  const std::string op = text_field(request, "op");
  if (op == "status") return node_status(consumer);
  if (op == "progress") return progress(consumer);
  if (op == "failed") return failed(consumer, request);
  if (op == "applied") {
    auto fates = applied(consumer, request);
    return fates ? std::move(*fates) : error_answer(fates.error());
  }
  if (op == "reset") {
    const std::string mode = text_field(request, "mode");
    if (mode != "adopt" && mode != "rebuild") {
      return error_answer({ErrorCode::kBadInput, "\"mode\" is adopt or rebuild"});
    }
    return answer_of(consumer.reset(text_field(request, "stream"),
                                    mode == "adopt" ? ResetMode::kAdopt : ResetMode::kRebuild));
  }
  if (op == "build") {
    const auto from = sequences_field(request, "from");
    if (!from) return error_answer(from.error());
    const auto until = sequences_field(request, "until");
    if (!until) return error_answer(until.error());
    Json started = answer_of(consumer.build(text_field(request, "view"), *from, *until));
    if (started.contains("ok")) started["build"] = consumer.build_progress().id;
    return started;
  }
  return error_answer({ErrorCode::kBadInput, "unknown op \"" + op.substr(0, 64) + "\""});
}

}  // namespace

Json node_status(const Consumer& consumer) {
  const MonoTime now = SystemClock().mono();
  Json streams = Json::array();
  for (const auto& [stream, status] : consumer.status()) {
    const CursorRecord& record = status.record;
    const std::uint64_t cursor = record.cursor.sequence.value;
    Json entry{{"stream", stream},
               {"state", to_string(status.state)},
               {"incarnation", record.cursor.incarnation.hex()},
               {"cursor", cursor},
               {"head", status.head.value},
               {"lag", status.head.value > cursor ? status.head.value - cursor : 0},
               {"start", record.start.value + 1},
               {"lost", record.lost},
               {"failed", record.failed},
               {"age_ms", nullptr},
               {"beacon_overdue_ms", nullptr},
               {"producer_silence_ms", status.producer_silence.count()}};
    if (status.covered) {
      entry["age_ms"] =
          std::chrono::duration_cast<std::chrono::milliseconds>(now - *status.covered).count();
    }
    if (status.beacon_due) {
      entry["beacon_overdue_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(
                                       std::max(now - *status.beacon_due, Nanoseconds(0)))
                                       .count();
    }
    streams.push_back(std::move(entry));
  }
  Json status{{"consumer", consumer.name()},
              {"streams", std::move(streams)},
              {"build", progress(consumer)}};
  if (consumer.alerts()) status["alerts"] = consumer.alerts()();
  return status;
}

std::string answer_node_request(Consumer& consumer, std::string_view request) {
  Json reply;
  if (is_replay(request)) {
    reply = replay(consumer, request);
  } else if (request.size() > limits::kControlBytesMax) {
    reply = error_answer(
        {ErrorCode::kBadInput,
         "a request of more than " + std::to_string(limits::kControlBytesMax) + " bytes"});
  } else if (auto json = json_from_msgpack(request); !json) {
    reply = error_answer(json.error());
  } else {
    reply = answer(consumer, *json);
  }
  return msgpack_from_json(reply).value_or(std::string());
}

}  // namespace forebay
