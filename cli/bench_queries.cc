#include "cli/bench_queries.h"

#include <nlohmann/json.hpp>

#include "cli/bench_runs.h"
#include "cli/progress.h"
#include "cli/query_client.h"
#include "common/client/line_source.h"

namespace forebay {
namespace {

Result<void> add_question(std::vector<Json>& questions, const LineSource::Line& line) {
  if (!line.too_long && line.text.find_first_not_of(" \t\r") == std::string_view::npos) return {};
  const auto bad = [&](const std::string& why) {
    return fail(ErrorCode::kBadInput, "line " + std::to_string(line.number) + ": " + why);
  };
  if (line.too_long) return bad("too long");
  auto question = parse_json(line.text);
  if (!question) return bad(question.error().message);
  if (!question->is_object()) return bad("the query is not an object");
  question->erase("at_least");
  questions.push_back(std::move(*question));
  return {};
}

/// The answer's error; the first question's may be that nobody is there.
Result<void> check_answer(const Json& answer) {
  const auto error = answer.find("error");
  if (error == answer.end()) return {};
  const std::string code = error->value("code", "");
  return fail(
      code == "bad_query" || code == "unknown_sku" ? ErrorCode::kBadInput : ErrorCode::kUnavailable,
      "--query: " + code + ": " + error->value("message", ""));
}

}  // namespace

Result<std::vector<Json>> read_questions(const std::string& file) {
  const auto source = LineSource::open(file, false);
  if (!source) return fail(source.error());
  std::vector<Json> questions;
  while (questions.size() < kBenchSinglesMax) {
    const auto reading = (*source)->next();
    if (!reading) return fail(reading.error());
    Result<void> added;
    if (const auto* line = std::get_if<LineSource::Line>(&*reading)) {
      added = add_question(questions, *line);
    } else if (std::holds_alternative<LineSource::NothingYet>(*reading)) {
      (*source)->wait(limits::kFollowPollInterval, -1);
    } else if (std::holds_alternative<LineSource::End>(*reading)) {
      const auto last = (*source)->take_unfinished();
      if (last) added = add_question(questions, *last);
      if (added) break;
    }
    if (!added) return fail(added.error().in(file));
  }
  if (questions.empty()) return fail(ErrorCode::kBadInput, file + ": no question in it");
  return questions;
}

Result<Measured> measure_queries(const std::string& endpoint, const std::vector<Json>& questions,
                                 StopSignals& signals) {
  const SystemClock clock;
  QueryClient client;
  if (auto connected = client.connect(endpoint); !connected) return fail(connected.error());
  // The first has to find the node; what that takes is not counted.
  client.ask(questions.front());
  if (auto answered = check_answer(client.take()); !answered) return fail(answered.error());
  Latencies latencies;
  Progress bar("query");
  const MonoTime begin = clock.mono();
  MonoTime at = begin;
  while (latencies.count() < kBenchSinglesMax && at - begin < kBenchSinglesTime) {
    client.ask(questions[latencies.count() % questions.size()]);
    const Json answer = client.take();
    const MonoTime now = clock.mono();
    latencies.add(now - at);
    if (auto answered = check_answer(answer); !answered) return fail(answered.error());
    if (signals.arrived()) return fail(ErrorCode::kUnavailable, "stopped by a signal");
    bar.show(latencies.count(), kBenchSinglesMax, latencies.count());
    at = clock.mono();
  }
  return Measured{"query", latencies.count(), at - begin, 0, latencies};
}

}  // namespace forebay
