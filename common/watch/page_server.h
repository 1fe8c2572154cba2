// Serves what a daemon says of itself over HTTP: /metrics for Prometheus, /health for whoever
// restarts or routes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>

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

  /// Serves from threads of its own until it is destroyed. A port that is taken is tried again, with
  /// a warning the first time: the daemon itself has other things to do. `pages` are called from any
  /// thread.
  PageServer(std::string address, std::uint16_t port, Pages pages);
  ~PageServer();
  PageServer(const PageServer&) = delete;
  PageServer& operator=(const PageServer&) = delete;

 private:
  class Http;
  void run();
  [[nodiscard]] bool stopped(std::chrono::milliseconds wait);

  std::string address_;
  std::uint16_t port_;
  Pages pages_;
  Mailbox<char> stop_;
  std::mutex mutex_;
  std::unique_ptr<Http> http_;
  std::future<void> ended_;
};

}  // namespace forebay
