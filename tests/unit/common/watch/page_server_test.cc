#include "common/watch/page_server.h"

#include <httplib.h>

#include <catch2/catch.hpp>
#include <memory>

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

TEST_CASE("WhoHoldsItsConnectionsKeepsOthersOutOnlyForAWhile") {
  const test::FreePort port;
  const PageServer server("127.0.0.1", port.number(), pages("up"));
  REQUIRE(eventually([&] { return body_at(port.number(), "/metrics") == "up"; }));
  std::vector<test::Connection> idle;
  for (int i = 0; i < 6; ++i) idle.emplace_back(port.number());
  idle.erase(idle.begin() + 1, idle.end());
  CHECK(eventually([&] { return body_at(port.number(), "/metrics") == "up"; }));
}

}  // namespace
}  // namespace forebay
