#include "common/watch/page_server.h"

#include <httplib.h>

#include <catch2/catch.hpp>
#include <memory>

#include "common/base/limits.h"
#include "common/watch/page_connection.h"
#include "tests/support/eventually.h"
#include "tests/support/free_port.h"

namespace forebay {
namespace {

using test::eventually;

PageServer::Pages pages(const std::string& metrics) {
  return {[metrics] {
            return PageServer::Page{200, "text/plain", metrics};
          },
          [] {
            return PageServer::Page{503, "application/json", "{}"};
          }};
}

/// Empty while it is not reached.
std::string body_at(int port, const std::string& path, int* status = nullptr) {
  httplib::Client client("127.0.0.1", port);
  const auto answer = client.Get(path);
  if (answer && status != nullptr) *status = answer->status;
  return answer ? answer->body : "";
}

TEST_CASE("PagesAreServedWithTheirStatus") {
  const test::FreePort port;
  const PageServer server("127.0.0.1", port.number(), pages("up 1\n"));
  CHECK(eventually([&] { return body_at(port.number(), "/metrics") == "up 1\n"; }));
  int status = 0;
  CHECK(body_at(port.number(), "/health", &status) == "{}");
  CHECK(status == 503);
  body_at(port.number(), "/elsewhere", &status);
  CHECK(status == 404);
}

TEST_CASE("APortThatAnotherServesIsNotSharedAndNoReasonToEnd") {
  const test::FreePort port;
  const PageServer first("127.0.0.1", port.number(), pages("first"));
  REQUIRE(eventually([&] { return body_at(port.number(), "/metrics") == "first"; }));
  const PageServer second("127.0.0.1", port.number(), pages("second"));
  for (int i = 0; i < 20; ++i) CHECK(body_at(port.number(), "/metrics") == "first");
}

TEST_CASE("AServerThatHasJustBegunEnds") {
  const test::FreePort port;
  for (int i = 0; i < 20; ++i) const PageServer server("127.0.0.1", port.number(), pages(""));
}

TEST_CASE("WhoHoldsAllConnectionsKeepsOthersOutOnlyForAWhileAndHoldsUpNoEnd") {
  const test::FreePort port;
  std::vector<test::Connection> idle;
  {
    const PageServer server("127.0.0.1", port.number(), pages("up"));
    REQUIRE(eventually([&] { return body_at(port.number(), "/metrics") == "up"; }));
    for (int i = 0; i < limits::kMetricsConnectionsMax; ++i) idle.emplace_back(port.number());
    CHECK(eventually([&] { return body_at(port.number(), "/metrics") == "up"; }));
    idle.emplace_back(port.number());
  }
}

TEST_CASE("ARequestWithoutAnEndIsRefusedAtItsBound") {
  const test::FreePort port;
  const PageServer server("127.0.0.1", port.number(), pages("up"));
  REQUIRE(eventually([&] { return body_at(port.number(), "/metrics") == "up"; }));
  const httplib::Headers large{{"X", std::string(2 * limits::kMetricsRequestBytesMax, 'x')}};
  const auto answer = httplib::Client("127.0.0.1", port.number()).Get("/metrics", large);
  if (answer) CHECK(answer->status == 431);  // else it is closed before all of it is sent
  CHECK(body_at(port.number(), "/metrics") == "up");
}

TEST_CASE("WhatIsNoRequestIsAnsweredAsThat") {
  const auto status = [](const std::string& head) {
    return http_answer(head, pages("up 1\n")).substr(9, 3);
  };
  CHECK(status("GET /metrics HTTP/1.1\r\n\r\n") == "200");
  CHECK(status("GET /metrics?a=b HTTP/1.0\n\n") == "200");
  CHECK(status("GET /health HTTP/1.1\r\n\r\n") == "503");
  CHECK(status("GET / HTTP/1.1\r\n\r\n") == "404");
  CHECK(status("POST /metrics HTTP/1.1\r\n\r\n") == "405");
  for (const char* none : {"\r\n\r\n", "GET\r\n\r\n", "GET /metrics\r\n\r\n", "GET  HTTP/1.1\n\n",
                           "GET /metrics SMTP\n\n"})
    CHECK(status(none) != "200");
}

TEST_CASE("AHeadHasTheLengthOfItsPageAndNoBody") {
  const std::string answer = http_answer("HEAD /metrics HTTP/1.1\r\n\r\n", pages("up 1\n"));
  CHECK_THAT(answer, Catch::Contains("Content-Length: 5\r\n") && Catch::EndsWith("\r\n\r\n"));
}

}  // namespace
}  // namespace forebay
