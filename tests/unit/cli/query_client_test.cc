#include "cli/query_client.h"

#include <catch2/catch.hpp>

#include "common/base/limits.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

TEST_CASE("ItIsFullWithSoManyQuestionsUnderWay") {
  const test::TempDir dir;
  QueryClient client;
  REQUIRE(client.connect("ipc://" + (dir / "nobody")));
  for (std::size_t i = 0; i < limits::kQueriesInFlight; ++i) {
    REQUIRE_FALSE(client.full());
    client.ask(Json::object());
  }
  CHECK(client.full());
}

}  // namespace
}  // namespace forebay
