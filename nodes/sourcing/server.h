// Answers queries over a ROUTER socket from the consumer's view: waits for `at_least`, chooses the
// view, fills in `as_of`. One thread; each answer comes from one read transaction.
#pragma once

#include <deque>
#include <string>

#include "common/base/clock.h"
#include "common/base/mailbox.h"
#include "common/client/consumer.h"
#include "common/service/signals.h"
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
  };

  /// `consumer` outlives it.
  QueryServer(Options options, Consumer& consumer);

  [[nodiscard]] Result<void> bind();
  /// To be called, from any thread, when the view has moved: waiting queries are looked at again.
  void on_progress() { progress_.post({}); }
  /// Serves until a stop signal (success) or the consumer's failure.
  [[nodiscard]] Result<void> serve(StopSignals& signals);

 private:
  struct Waiting {
    std::string route;
    std::string query;
    MonoTime deadline;
  };

  void take_queries();
  void on_query(Waiting waiting, bool first_time);
  void look_again();
  void reply(const std::string& route, const std::string& answer);
  /// nullopt: not yet.
  [[nodiscard]] std::optional<std::string> try_answer(std::string_view query, MonoTime deadline,
                                                      MonoTime& wait_until);
  [[nodiscard]] AsOf as_of(const std::map<std::string, CursorRecord>& cursors, bool live) const;

  Options options_;
  Consumer& consumer_;
  SystemClock clock_;
  EddCalculator calculator_;
  Mailbox<char> progress_;
  std::deque<Waiting> waiting_;
  Context context_;
  Socket router_;
};

}  // namespace forebay
