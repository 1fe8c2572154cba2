// Answers queries over a ROUTER socket from the consumer's view: waits for `at_least`, chooses the
// view, fills in `as_of`. One thread, in turns: takes what queries are there, and then answers all
// of them from one read transaction, which is thus younger than each of them.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/mailbox.h"
#include "common/client/consumer.h"
#include "common/service/signals.h"
#include "common/watch/consumer_look.h"
#include "common/watch/watch.h"
#include "common/wire/transport.h"
#include "nodes/sourcing/edd.h"
#include "nodes/sourcing/query.h"

namespace forebay {

class QueryServer {
 public:
  struct Options {
    std::string endpoint;  // to bind
    Nanoseconds beacon_silent;
    Nanoseconds producer_silent;
    Watch::Options watch = {};
  };

  /// `consumer` outlives it, but neither runs before nor after it: it tells of this one's alerts.
  QueryServer(Options options, Consumer& consumer);

  [[nodiscard]] Result<void> bind();
  /// To be called, from any thread, when the view has moved: waiting queries are looked at again.
  void on_progress() { progress_.post({}); }
  /// Serves until a stop signal (success) or the consumer's failure.
  [[nodiscard]] Result<void> serve(StopSignals& signals);

 private:
  struct Query {
    std::vector<Message> frames;  // route, query
    MonoTime deadline = MonoTime::max();

    [[nodiscard]] std::string_view bytes() const { return frames.back().view(); }
    [[nodiscard]] std::size_t cost() const {
      return std::max(bytes().size(), limits::kQueryCostBytesMin);
    }
  };
  struct Answered {
    Query query;
    std::string answer;
  };
  /// A view at one moment, and what is said of it in every answer.
  struct Moment {
    std::shared_ptr<ConsumerStore> view;
    ReadTransaction read;
    std::map<std::string, StreamStatus> streams;
    std::map<std::string, CursorRecord> cursors;
    std::string as_of;
  };
  /// By the view's name; in place of a moment, why there is none.
  using Moments = std::map<std::string, tl::expected<Moment, QueryError>, std::less<>>;

  [[nodiscard]] std::vector<Query> take_queries();
  /// Answers them, or has them wait.
  void answer(std::vector<Query> queries);
  void reply_all(std::vector<Answered>& answered);
  void reply(Query& query, std::string_view answer);
  void answer_watch();
  /// nullopt: not yet.
  [[nodiscard]] std::optional<std::string> try_answer(Query& query, Moments& moments);
  [[nodiscard]] tl::expected<Moment, QueryError> moment(const std::string& view) const;
  [[nodiscard]] AsOf as_of(const std::map<std::string, StreamStatus>& streams,
                           const std::map<std::string, CursorRecord>& cursors, bool live) const;

  Options options_;
  Consumer& consumer_;
  SystemClock clock_;
  EddCalculator calculator_;
  Mailbox<char> progress_;
  std::vector<Query> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::uint64_t answered_ = 0;
  Context context_;
  Socket router_;
  ConsumerLook look_;
  Watch watch_;
  bool asked_ = false;  // by the watch, and not answered yet
};

}  // namespace forebay
