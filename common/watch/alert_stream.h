// The stream that a daemon's alerts go to, as events alert.raised and alert.cleared whose source and
// subject are the daemon. What the stream lacks is made up for: at first, and where another log took
// the place of the one that it was published to, all that the book has is published. Some of it may
// then be there twice.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/client/publisher.h"
#include "common/watch/alerts.h"

namespace forebay {

/// For one thread.
class AlertStream {
 public:
  struct Place {
    std::string name;  // empty: nowhere
    std::string ingest, control;
    friend bool operator==(const Place&, const Place&) = default;
  };

  AlertStream(Place place, std::string daemon)
      : place_(std::move(place)), daemon_(std::move(daemon)) {}

  [[nodiscard]] const Place& place() const { return place_; }

  /// To be called now and then, before the book changes: registers if it is not, ever more rarely while
  /// that is refused, and publishes what the stream may lack. Waits for nothing.
  void keep_up(const AlertBook& book, MonoTime now);
  /// What changed in the book since. What the window has no room for is only in the log and the history.
  void publish(const std::vector<Alert>& changed);

 private:
  void connect(MonoTime now);
  void wait_after(const Error& error, MonoTime now);
  void put(const Alert& alert);

  Place place_;
  std::string daemon_;
  std::unique_ptr<Publisher> publisher_;
  bool keeps_up_ = false;  // the stream has, or is about to get, all that the book has
  MonoTime due_{};         // when it registers next
  Nanoseconds pause_{0};   // before that
};

}  // namespace forebay
