#include "common/watch/page_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "common/base/limits.h"
#include "common/watch/page_connection.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;

/// All connections of one listener; new ones wait in the kernel's backlog while there is no room.
class Connections {
 public:
  Connections(int listener, int stop, const PageServer::Pages& pages)
      : listener_(listener), stop_(stop), pages_(pages) {}

  /// Until it is to stop, or the listener fails.
  void serve() {
    while (true) {
      std::vector<pollfd> items{{stop_, POLLIN, 0}};
      const bool room = open_.size() < limits::kMetricsConnectionsMax;
      items.push_back({room ? listener_ : -1, POLLIN, 0});
      for (const PageConnection& each : open_)
        items.push_back({each.socket(), static_cast<short>(each.answers() ? POLLOUT : POLLIN), 0});
      if (::poll(items.data(), items.size(), wait()) < 0 && errno != EINTR) return;
      if (items[0].revents != 0) return;
      go_on(items);
      if (items[1].revents != 0 && !accept()) return;
    }
  }

 private:
  [[nodiscard]] int wait() const {
    MonoTime next = MonoTime::max();
    for (const PageConnection& each : open_) next = std::min(next, each.deadline());
    if (next == MonoTime::max()) return -1;
    const auto left = std::chrono::ceil<milliseconds>(next - clock_.mono());
    return static_cast<int>(std::max(left, milliseconds(0)).count());
  }

  void go_on(const std::vector<pollfd>& items) {
    const MonoTime now = clock_.mono();
    std::size_t i = 2;
    std::erase_if(open_, [&](PageConnection& each) {
      const bool ready = items[i++].revents != 0;
      return now >= each.deadline() || (ready && !each.go_on(pages_));
    });
  }

  /// False if the listener is of no more use: no descriptors, no memory.
  [[nodiscard]] bool accept() {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket >= 0) {
      open_.emplace_back(socket, clock_.mono() + limits::kMetricsPatience);
      return true;
    }
    // Of those, none is the listener's fault: accept(2).
    return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED || errno == EPROTO;
  }

  SystemClock clock_;
  int listener_, stop_;
  const PageServer::Pages& pages_;
  std::vector<PageConnection> open_;
};

}  // namespace

PageServer::PageServer(std::string address, std::uint16_t port, Pages pages)
    : address_(std::move(address)),
      port_(port),
      pages_(std::move(pages)),
      thread_([this] { run(); }) {}

PageServer::~PageServer() {
  stop_.post({});
  thread_.join();
}

void PageServer::run() {
  bool told = false;
  do {
    const int listening = listener();
    if (listening >= 0) {
      spdlog::info("metrics at http://{}:{}/metrics", address_, port_);
      Connections(listening, stop_.descriptor(), pages_).serve();
      ::close(listening);
      told = false;
    } else if (!std::exchange(told, true)) {
      spdlog::warn(
          "metrics: cannot bind {}:{}, which another process may have: metrics_port and "
          "metrics_address of the host say where (docs/topology.md); tried again every {} s",
          address_, port_, limits::kMetricsBindInterval.count());
    }
  } while (!stopped(limits::kMetricsBindInterval));
}

int PageServer::listener() const {
  const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (made < 0) return -1;
  const int yes = 1;  // connections of before may still be closing
  ::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_port = htons(port_);
  if (::inet_pton(AF_INET, address_.c_str(), &place.sin_addr) == 1 &&
      ::bind(made, reinterpret_cast<const sockaddr*>(&place), sizeof place) == 0 &&
      ::listen(made, limits::kMetricsConnectionsMax) == 0)
    return made;
  ::close(made);
  return -1;
}

bool PageServer::stopped(milliseconds wait) {
  pollfd bell{stop_.descriptor(), POLLIN, 0};
  return ::poll(&bell, 1, static_cast<int>(wait.count())) > 0;
}

}  // namespace forebay
