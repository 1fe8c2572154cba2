#include "common/watch/page_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "common/base/limits.h"

namespace forebay {
namespace {

std::string reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Other";
  }
}

std::string answer_of(const PageServer::Page& page, bool with_body) {
  return "HTTP/1.1 " + std::to_string(page.status) + " " + reason_of(page.status) +
         (page.status == 405 ? "\r\nAllow: GET, HEAD" : "") + "\r\nContent-Type: " + page.type +
         "\r\nContent-Length: " + std::to_string(page.body.size()) +
         "\r\nConnection: close\r\n\r\n" + (with_body ? page.body : "");
}

PageServer::Page error_page(int status) {
  return {status, "text/plain; charset=utf-8", reason_of(status) + "\n"};
}

/// RFC 9112: the head ends with an empty line; an LF alone ends a line, too.
bool ends(const std::string& head) {
  return head.find("\r\n\r\n") != std::string::npos || head.find("\n\n") != std::string::npos;
}

}  // namespace

std::string http_answer(const std::string& head, const PageServer::Pages& pages) {
  const std::string line = head.substr(0, head.find_first_of("\r\n"));
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string::npos ? first : line.find(' ', first + 1);
  if (second == std::string::npos || !line.substr(second + 1).starts_with("HTTP/1."))
    return answer_of(error_page(400), true);
  const std::string method = line.substr(0, first);
  std::string path = line.substr(first + 1, second - first - 1);
  path.resize(std::min(path.find('?'), path.size()));
  const bool head_only = method == "HEAD";
  if (method != "GET" && !head_only) return answer_of(error_page(405), true);
  if (path == "/metrics") return answer_of(pages.metrics(), !head_only);
  if (path == "/health") return answer_of(pages.health(), !head_only);
  return answer_of(error_page(404), !head_only);
}

PageConnection::~PageConnection() {
  if (socket_ >= 0) ::close(socket_);
}

PageConnection::PageConnection(PageConnection&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      deadline_(other.deadline_),
      in_(std::move(other.in_)),
      out_(std::move(other.out_)),
      sent_(other.sent_) {}

PageConnection& PageConnection::operator=(PageConnection&& other) noexcept {
  std::swap(socket_, other.socket_);
  deadline_ = other.deadline_;
  in_ = std::move(other.in_);
  out_ = std::move(other.out_);
  sent_ = other.sent_;
  return *this;
}

bool PageConnection::go_on(const PageServer::Pages& pages) {
  return (answers() || read(pages)) && (!answers() || write());
}

bool PageConnection::read(const PageServer::Pages& pages) {
  std::array<char, 1024> some;
  while (in_.size() <= limits::kMetricsRequestBytesMax) {
    const ssize_t got = ::recv(socket_, some.data(), some.size(), 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    in_.append(some.data(), static_cast<std::size_t>(got));
    if (!ends(in_)) continue;
    out_ = http_answer(in_, pages);
    return true;
  }
  out_ = answer_of(error_page(431), true);
  return true;
}

bool PageConnection::write() {
  while (sent_ < out_.size()) {
    const ssize_t put = ::send(socket_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (put < 0) return errno == EAGAIN || errno == EINTR;
    sent_ += static_cast<std::size_t>(put);
  }
  return false;
}

}  // namespace forebay
