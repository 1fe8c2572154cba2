#include "nodes/sourcing/server.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

#include "common/base/limits.h"
#include "common/client/node_control.h"
#include "common/event/json_fields.h"

namespace forebay {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

enum class Reached { kYes, kNotYet };

/// Whether the view has come as far as the request wants; a QueryError if it never will.
tl::expected<Reached, QueryError> has_reached(const EddRequest& request,
                                              const std::map<std::string, CursorRecord>& cursors,
                                              const std::map<std::string, StreamStatus>& streams) {
  Reached reached = Reached::kYes;
  for (const auto& [stream, wanted] : request.at_least) {
    if (!streams.contains(stream)) {
      return tl::unexpected(QueryError{
          "bad_query", "this node does not subscribe to '" + stream + "'", "at_least." + stream});
    }
    const auto found = cursors.find(stream);
    const CursorRecord cursor = found == cursors.end() ? CursorRecord{} : found->second;
    const auto* position = std::get_if<Position>(&wanted);
    const bool other_log = position != nullptr && found != cursors.end() &&
                           position->incarnation != cursor.cursor.incarnation;
    if (other_log || cursor.diverged) {
      return tl::unexpected(QueryError{"diverged",
                                       other_log
                                           ? "the view follows another incarnation of " + stream
                                           : stream + " has diverged: an operator has to reset it",
                                       "at_least." + stream});
    }
    const Sequence sequence = position != nullptr ? position->sequence : std::get<Sequence>(wanted);
    if (cursor.cursor.sequence < sequence) reached = Reached::kNotYet;
  }
  return reached;
}

}  // namespace

QueryServer::QueryServer(Options options, Consumer& consumer)
    : options_(std::move(options)),
      consumer_(consumer),
      router_(context_, SocketKind::kRouter, limits::kQueryHighWaterMessages),
      look_(clock_, options_.beacon_silent),
      watch_(options_.watch, [this](const Json& status) {
        Findings findings = look_.look(status);
        findings.metrics.counter("forebay_queries_total", "Queries answered.", {},
                                 number_in(status, "queries").value_or(0));
        return findings;
      }) {
  consumer_.tell_alerts([this] { return watch_.alerts(); });
}

Result<void> QueryServer::bind() {
  router_.limit_frames(limits::kQueryFrameBytesMax);
  return router_.bind(options_.endpoint);
}

Result<void> QueryServer::serve(StopSignals& signals) {
  Poller poller;
  const std::size_t stop = poller.add(signals.descriptor());
  const std::size_t progress = poller.add(progress_.descriptor());
  const std::size_t queries = poller.add(router_);
  const std::size_t asked = poller.add(watch_.descriptor());
  while (true) {
    // A waiting query's deadline passes within this, too.
    poller.wait(waiting_.empty() ? limits::kPollInterval : limits::kQueryDeadlineStep);
    if (poller.readable(stop) && signals.arrived()) return {};
    if (auto failure = consumer_.failure()) return fail(*failure);
    if (poller.readable(progress)) static_cast<void>(progress_.take());
    if (!waiting_.empty()) {
      waiting_bytes_ = 0;
      answer(std::exchange(waiting_, {}));
    }
    if (poller.readable(queries)) answer(take_queries());
    if (poller.readable(asked) && watch_.asks()) asked_ = true;
    if (asked_) answer_watch();
  }
}

/// Vouches for the consumer's thread too: while that stands still, there is no answer.
void QueryServer::answer_watch() {
  const auto streams = consumer_.status();
  const bool stands = std::any_of(streams.begin(), streams.end(), [&](const auto& each) {
    return clock_.mono() - each.second.as_of > limits::kWatchDead;
  });
  if (stands) return;
  asked_ = false;
  watch_.answer([this] {
    Json status = node_status(consumer_);
    status["queries"] = answered_;
    return Result<Json>(std::move(status));
  });
}

std::vector<QueryServer::Query> QueryServer::take_queries() {
  std::vector<Query> queries;
  while (queries.size() < limits::kQueryHighWaterMessages) {
    auto frames = router_.receive();
    if (!frames) break;
    Query query{std::move(*frames)};
    if (query.frames.size() == 2) {
      queries.push_back(std::move(query));
    } else {
      reply(query, encode_error({"bad_query", "a query is one frame", ""}, {}));
    }
  }
  return queries;
}

void QueryServer::answer(std::vector<Query> queries) {
  Moments moments;
  std::vector<Answered> answered;
  for (Query& query : queries) {
    auto answer = try_answer(query, moments);
    if (!answer && waiting_bytes_ + query.cost() > limits::kQueriesWaitingBytesMax) {
      answer = encode_error(
          {"unavailable", "too many queries wait for their at_least: try again", "at_least"}, {});
    }
    if (!answer) {
      waiting_bytes_ += query.cost();
      waiting_.push_back(std::move(query));
      continue;
    }
    answered.push_back({std::move(query), std::move(*answer)});
    if (answered.size() >= limits::kAnswersAtOnce) reply_all(answered);
  }
  reply_all(answered);
}

/// Several at once, since ZeroMQ's thread and the client then wake once for all of them.
void QueryServer::reply_all(std::vector<Answered>& answered) {
  for (Answered& each : answered) reply(each.query, each.answer);
  answered.clear();
}

void QueryServer::reply(Query& query, std::string_view answer) {
  ++answered_;
  std::array<Message, 2> frames{std::move(query.frames.front()), Message(answer)};
  if (router_.send(frames) != SendResult::kSent)
    spdlog::debug("an answer to a client that is gone or does not read");
}

std::optional<std::string> QueryServer::try_answer(Query& query, Moments& moments) {
  const ParsedQuery parsed = parse_query(query.bytes(), clock_.wall());
  if (!parsed.request) return encode_error(parsed.request.error(), parsed.id);
  const EddRequest& request = *parsed.request;
  auto found = moments.find(request.view);
  if (found == moments.end()) {
    const std::string view(request.view);
    found = moments.emplace(view, moment(view)).first;
  }
  if (!found->second) return encode_error(found->second.error(), parsed.id);
  const Moment& at = *found->second;
  const auto reached = has_reached(request, at.cursors, at.streams);
  if (!reached) return encode_error(reached.error(), parsed.id);
  if (*reached == Reached::kNotYet) {
    const MonoTime now = clock_.mono();
    query.deadline = std::min(query.deadline, now + request.timeout);
    if (request.view.empty() && now < query.deadline) return std::nullopt;
    return encode_error({"timeout", "the view has not come as far as at_least in time", "at_least"},
                        parsed.id);
  }
  const auto answer = calculator_.answer(at.read, request.question());
  if (!answer) return encode_error(answer.error(), parsed.id);
  return encode_answer(*answer, at.as_of, parsed.id);
}

tl::expected<QueryServer::Moment, QueryError> QueryServer::moment(const std::string& name) const {
  auto view = consumer_.view(name);
  if (!view) {
    const bool later = view.error().code == ErrorCode::kUnavailable;  // it is being built
    return tl::unexpected(
        QueryError{later ? "unavailable" : "bad_query", view.error().message, "view"});
  }
  // Before the transaction: the view is then no older than the ages say.
  auto streams = consumer_.status();
  ReadTransaction read = (*view)->store().read();
  auto cursors = (*view)->cursors(read);
  if (!cursors) return tl::unexpected(QueryError{"unavailable", cursors.error().message, ""});
  std::string said = encode_as_of(as_of(streams, *cursors, name.empty()));
  return Moment{std::move(*view), std::move(read), std::move(streams), std::move(*cursors),
                std::move(said)};
}

AsOf QueryServer::as_of(const std::map<std::string, StreamStatus>& streams,
                        const std::map<std::string, CursorRecord>& cursors, bool live) const {
  AsOf all;
  const MonoTime now = clock_.mono();
  for (const auto& [stream, status] : streams) {
    StreamAsOf& as_of = all[stream];
    as_of.state = live ? std::string(to_string(status.state)) : "VIEW";
    if (const auto found = cursors.find(stream); found != cursors.end()) {
      const CursorRecord& record = found->second;
      as_of.start = record.start + 1;
      as_of.sequence = record.cursor.sequence;
      as_of.lost = record.lost;
      if (record.commit_time != WallTime{}) as_of.time = record.commit_time;
    }
    if (!live) continue;  // a view of the past is as old as it is: stale, without an age
    if (status.covered) as_of.age_ms = duration_cast<milliseconds>(now - *status.covered).count();
    const bool beacon_overdue =
        !status.beacon_due || now > *status.beacon_due + options_.beacon_silent;
    const bool producer_silent =
        status.producer_silence + (now - status.as_of) > options_.producer_silent;
    as_of.stale = status.record.diverged || beacon_overdue || producer_silent;
  }
  return all;
}

}  // namespace forebay
