// One connection to a PageServer: a request of bounded size and time, its answer, and the end.
#pragma once

#include <string>

#include "common/base/clock.h"
#include "common/watch/page_server.h"

namespace forebay {

/// The answer to a request, whose head is all of `head`.
[[nodiscard]] std::string http_answer(const std::string& head, const PageServer::Pages& pages);

class PageConnection {
 public:
  /// Takes over `socket`, which does not block.
  PageConnection(int socket, MonoTime deadline) : socket_(socket), deadline_(deadline) {}
  ~PageConnection();
  PageConnection(PageConnection&& other) noexcept;
  PageConnection& operator=(PageConnection&& other) noexcept;

  [[nodiscard]] int socket() const { return socket_; }
  [[nodiscard]] MonoTime deadline() const { return deadline_; }
  [[nodiscard]] bool answers() const { return !out_.empty(); }
  /// Goes on as far as it does without waiting; false when it is over.
  [[nodiscard]] bool go_on(const PageServer::Pages& pages);

 private:
  [[nodiscard]] bool read(const PageServer::Pages& pages);
  [[nodiscard]] bool write();

  int socket_;
  MonoTime deadline_;
  std::string in_, out_;
  std::size_t sent_ = 0;
};

}  // namespace forebay
