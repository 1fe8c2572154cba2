// Serves what a daemon says of itself over HTTP: /metrics for Prometheus, /health for whoever
// restarts or routes. Knows of HTTP what these need: GET and HEAD, an answer, and the end of the
// connection. Debian's cpp-httplib reads lines and headers of any length, and gives a slow client all the
// time it wants, so that who reaches the port could take the daemon's memory, and hold up its end.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "common/base/mailbox.h"

namespace forebay {

class PageServer {
 public:
  struct Page {
    int status = 200;
    std::string type = "text/plain; charset=utf-8";
    std::string body;
  };
  struct Pages {
    std::function<Page()> metrics;
    std::function<Page()> health;
  };

  /// Serves from a thread of its own, which calls `pages`, until it is destroyed. `address` is IPv4. A
  /// port that is taken is tried again, with a warning the first time: the daemon itself has other
  /// things to do.
  PageServer(std::string address, std::uint16_t port, Pages pages);
  ~PageServer();
  PageServer(const PageServer&) = delete;
  PageServer& operator=(const PageServer&) = delete;

 private:
  void run();
  /// Bound and listening; -1 if that is not to be had.
  [[nodiscard]] int listener() const;
  [[nodiscard]] bool stopped(std::chrono::milliseconds wait);

  std::string address_;
  std::uint16_t port_;
  Pages pages_;
  Mailbox<char> stop_;
  std::thread thread_;
};

}  // namespace forebay
