#include "nodes/sourcing/server.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

#include "common/base/limits.h"

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
      router_(context_, SocketKind::kRouter, limits::kQueryHighWaterMessages) {}

Result<void> QueryServer::bind() {
  router_.limit_frames(limits::kQueryFrameBytesMax);
  return router_.bind(options_.endpoint);
}

Result<void> QueryServer::serve(StopSignals& signals) {
  Poller poller;
  const std::size_t stop = poller.add(signals.descriptor());
  const std::size_t progress = poller.add(progress_.descriptor());
  const std::size_t queries = poller.add(router_);
  while (true) {
    // A waiting query's deadline passes within this, too.
    poller.wait(waiting_.empty() ? limits::kPollInterval : limits::kQueryDeadlineStep);
    if (poller.readable(stop) && signals.arrived()) return {};
    if (auto failure = consumer_.failure()) return fail(*failure);
    if (poller.readable(progress)) static_cast<void>(progress_.take());
    if (!waiting_.empty()) look_again();
    if (poller.readable(queries)) take_queries();
  }
}

void QueryServer::take_queries() {
  for (int taken = 0; taken < limits::kQueryHighWaterMessages; ++taken) {
    auto frames = router_.receive();
    if (!frames) return;
    const std::string route(frames->front().view());
    if (frames->size() != 2) {
      reply(route, encode_error({"bad_query", "a query is one frame", ""}, {}));
      continue;
    }
    on_query({route, std::string(frames->back().view()), MonoTime{}}, true);
  }
}

void QueryServer::look_again() {
  std::deque<Waiting> waiting;
  std::swap(waiting, waiting_);
  for (Waiting& query : waiting) on_query(std::move(query), false);
}

void QueryServer::on_query(Waiting query, bool first_time) {
  if (first_time) query.deadline = MonoTime::max();
  auto answer = try_answer(query.query, query.deadline, query.deadline);
  if (!answer && waiting_.size() >= limits::kQueriesWaitingMax) {
    answer = encode_error(
        {"unavailable", "too many queries wait for their at_least: try again", "at_least"}, {});
  }
  if (answer) return reply(query.route, *answer);
  waiting_.push_back(std::move(query));
}

void QueryServer::reply(const std::string& route, const std::string& answer) {
  std::array<Message, 2> frames{Message(std::string_view(route)),
                                Message(std::string_view(answer))};
  if (router_.send(frames) != SendResult::kSent)
    spdlog::debug("an answer to a client that is gone or does not read");
}

std::optional<std::string> QueryServer::try_answer(std::string_view query, MonoTime deadline,
                                                   MonoTime& wait_until) {
  const ParsedQuery parsed = parse_query(query, clock_.wall());
  if (!parsed.request) return encode_error(parsed.request.error(), parsed.id);
  const EddRequest& request = *parsed.request;
  const bool live = request.view.empty();
  const auto view = consumer_.view(std::string(request.view));
  if (!view) {
    const bool later = view.error().code == ErrorCode::kUnavailable;  // it is being built
    return encode_error({later ? "unavailable" : "bad_query", view.error().message, "view"},
                        parsed.id);
  }
  const auto streams = consumer_.status();
  const ReadTransaction read = (*view)->store().read();
  const auto cursors = (*view)->cursors(read);
  if (!cursors) return encode_error({"unavailable", cursors.error().message, ""}, parsed.id);
  const auto reached = has_reached(request, *cursors, streams);
  if (!reached) return encode_error(reached.error(), parsed.id);
  if (*reached == Reached::kNotYet) {
    const MonoTime now = clock_.mono();
    wait_until = std::min(deadline, now + request.timeout);
    if (live && now < wait_until) return std::nullopt;
    return encode_error({"timeout", "the view has not come as far as at_least in time", "at_least"},
                        parsed.id);
  }
  const auto answer = calculator_.answer(read, request.question());
  if (!answer) return encode_error(answer.error(), parsed.id);
  return encode_answer(*answer, as_of(*cursors, live), parsed.id);
}

AsOf QueryServer::as_of(const std::map<std::string, CursorRecord>& cursors, bool live) const {
  AsOf all;
  const MonoTime now = clock_.mono();
  for (const auto& [stream, status] : consumer_.status()) {
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
