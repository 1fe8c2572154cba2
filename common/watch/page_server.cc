#include "common/watch/page_server.h"

#include <httplib.h>
#include <poll.h>
#include <spdlog/spdlog.h>

#include <semaphore>

#include "common/base/limits.h"

namespace forebay {
namespace {

/// httplib's own pool keeps as many connections waiting as come; here accepting waits, and the
/// kernel's backlog is the bound.
class BoundedPool final : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> job) override {
    free_.acquire();
    pool_.enqueue([this, job = std::move(job)] {
      job();
      free_.release();
    });
  }
  void shutdown() override { pool_.shutdown(); }

 private:
  std::counting_semaphore<> free_{limits::kMetricsThreads};
  httplib::ThreadPool pool_{limits::kMetricsThreads};
};

/// Its default takes a port that another process has, too, and shares what comes in with it.
void only_ours(int socket) {
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

}  // namespace

class PageServer::Http {
 public:
  explicit Http(const Pages& pages) {
    server_.new_task_queue = [] { return new BoundedPool; };
    server_.set_socket_options(only_ours);
    server_.set_keep_alive_max_count(1);
    server_.set_keep_alive_timeout(limits::kMetricsPatience.count());
    server_.set_read_timeout(limits::kMetricsIoTimeout);
    server_.set_write_timeout(limits::kMetricsIoTimeout);
    server_.set_payload_max_length(limits::kMetricsRequestBytesMax);
    serve("/metrics", pages.metrics);
    serve("/health", pages.health);
  }

  bool bind(const std::string& address, int port) { return server_.bind_to_port(address, port); }
  void listen() { server_.listen_after_bind(); }
  void stop() { server_.stop(); }

 private:
  void serve(const std::string& path, const std::function<Page()>& page) {
    server_.Get(path, [page](const httplib::Request&, httplib::Response& response) {
      const Page made = page();
      response.status = made.status;
      response.set_content(made.body, made.type);
    });
  }

  httplib::Server server_;
};

PageServer::PageServer(std::string address, std::uint16_t port, Pages pages)
    : address_(std::move(address)),
      port_(port),
      pages_(std::move(pages)),
      ended_(std::async(std::launch::async, [this] { run(); })) {}

PageServer::~PageServer() {
  stop_.post({});
  // Again and again: it takes no notice of being stopped just before it runs.
  while (ended_.wait_for(std::chrono::milliseconds(10)) != std::future_status::ready) {
    const std::lock_guard hold(mutex_);
    if (http_) http_->stop();
  }
}

void PageServer::run() {
  bool told = false;
  do {
    Http* http = nullptr;
    {
      const std::lock_guard hold(mutex_);
      http_ = std::make_unique<Http>(pages_);  // one whose bind failed is not used again
      http = http_.get();
    }
    if (http->bind(address_, port_)) {
      spdlog::info("metrics at http://{}:{}/metrics", address_, port_);
      http->listen();  // until it is stopped, or its socket fails: no descriptors, no memory
      told = false;
    } else if (!std::exchange(told, true)) {
      spdlog::warn(
          "metrics: cannot bind {}:{}, which another process may have: metrics_port and "
          "metrics_address of the host say where (docs/topology.md); tried again every {} s",
          address_, port_, limits::kMetricsBindInterval.count());
    }
  } while (!stopped(limits::kMetricsBindInterval));
}

bool PageServer::stopped(std::chrono::milliseconds wait) {
  pollfd bell{stop_.descriptor(), POLLIN, 0};
  return ::poll(&bell, 1, static_cast<int>(wait.count())) > 0;
}

}  // namespace forebay
