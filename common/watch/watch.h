// A daemon's look at itself. From a thread of its own it asks the daemon's main loop for a report, and
// from each answer comes all that is told of the daemon: that it lives (systemd's watchdog) and how
// it is (STATUS=), its metrics, its health, and its alerts, which go to the log, to a program of the
// operator's and to a stream. A main loop that stands still answers nothing, and is not vouched for.
//
//   Watch watch(options, look);
//   poller.add(watch.descriptor());                             // the main loop, each round:
//   if (watch.asks()) watch.answer([&] { return report(); });
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/mailbox.h"
#include "common/event/json_value.h"
#include "common/watch/alert_hook.h"
#include "common/watch/alert_stream.h"
#include "common/watch/alerts.h"
#include "common/watch/exposition.h"
#include "common/watch/page_server.h"

namespace forebay {

/// What a report says.
struct Findings {
  std::string line;  // for STATUS=: one line
  Exposition metrics{Exposition::Labels{}};
  std::vector<Condition> conditions = {};   // that are not well
  std::vector<std::string> not_ready = {};  // why it is not ready to serve; empty: it is
};

class Watch {
 public:
  /// What goes over to the watch that a daemon has after a reload.
  struct Memory {
    AlertBook book;
    std::optional<AlertHook> hook;      // with what its program has yet to be told
    std::optional<AlertStream> stream;  // with what is not on disk yet
    WallTime began = SystemClock().wall();
  };
  struct Options {
    std::string name;     // the daemon's
    std::string version;  // of its program
    std::string address;  // of its pages; port 0: none
    std::uint16_t port = 0;
    std::string exec;  // alerts' program; empty: none
    AlertStream::Place alerts;
    std::shared_ptr<Memory> memory = std::make_shared<Memory>();
  };
  /// What a report says; called on the watch's thread.
  using Look = std::function<Findings(const Json& report)>;

  /// Starts at once.
  Watch(Options options, Look look);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // for the main loop

  /// Readable when it asks.
  [[nodiscard]] int descriptor() const { return ask_.descriptor(); }
  /// Whether it asks: an answer is due. Takes the question.
  [[nodiscard]] bool asks() { return !ask_.take().empty(); }
  /// With what `make` makes; an error of it makes the daemon not ready, and is no end.
  void answer(const std::function<Result<Json>()>& make);
  /// {raised, history} of the daemon's alerts.
  [[nodiscard]] Json alerts() const;

 private:
  void run();
  void take(const Json& report);
  void take_silence();
  void take_failure(const Error& error);
  void add_process(Exposition& metrics) const;
  [[nodiscard]] bool live() const;  // its mutex is held
  void tell(const std::vector<Alert>& changed);
  [[nodiscard]] PageServer::Page metrics_page() const;
  [[nodiscard]] PageServer::Page health_page() const;
  void take_over();

  Options options_;
  Look look_;
  SystemClock clock_;
  Mailbox<char> ask_;
  Memory& memory_;  // the thread's

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool stopping_ = false;
  std::optional<Result<Json>> report_;  // the last answer, until it is taken
  Nanoseconds took_{0};                 // to make it
  MonoTime answered_{};                 // when the last one came; zero: none yet
  std::string metrics_;
  std::vector<std::string> not_ready_{"it has just begun"};
  Json alerts_;

  std::thread thread_;
  std::optional<PageServer> pages_;  // ends first: it looks at the above
};

}  // namespace forebay
