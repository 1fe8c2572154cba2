#include "common/base/result.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <set>
#include <string>

#include "tests/support/worked_examples.h"

namespace forebay {
namespace {

constexpr int kCodes = static_cast<int>(ErrorCode::kForbidden) + 1;

TEST_CASE("EveryCodeHasANameOfItsOwnThatReadsBack") {
  std::set<std::string_view> names;
  for (int i = 0; i < kCodes; ++i) {
    const auto code = static_cast<ErrorCode>(i);
    const std::string_view name = to_string(code);
    CHECK(name != "unknown");
    CHECK(names.insert(name).second);
    CHECK(error_code_from(name) == code);
  }
}

TEST_CASE("TheProtocolPageListsExactlyTheCodes") {
  const std::string page = test::read_page("protocol.md");
  const auto begin = page.find("\nCodes: ");
  REQUIRE(begin != std::string::npos);
  const std::string listed = page.substr(begin, page.find("\n\n", begin) - begin);
  std::set<std::string> on_page;
  for (auto open = listed.find('`'); open != std::string::npos;) {
    const auto close = listed.find('`', open + 1);
    on_page.insert(listed.substr(open + 1, close - open - 1));
    open = listed.find('`', close + 1);
  }
  std::set<std::string> in_code;
  for (int i = 0; i < kCodes; ++i) in_code.emplace(to_string(static_cast<ErrorCode>(i)));
  CHECK(on_page == in_code);
}

TEST_CASE("ACodeOfANewerBuildCountsAsBadInput") {
  CHECK(error_code_from("of_tomorrow") == ErrorCode::kBadInput);
  CHECK(error_code_from("") == ErrorCode::kBadInput);
}

TEST_CASE("AnErrorGainsItsPlaceOnTheWayUp") {
  const Result<int> failed = fail(ErrorCode::kNotFound, "no such key");
  const Error error = failed.error().in("table x").in("store y");
  CHECK(error.code == ErrorCode::kNotFound);
  CHECK(error.message == "store y: table x: no such key");
}

TEST_CASE("AnErrnoIsToldInWords") {
  const Result<void> failed = fail_errno("open state/lock", ENOENT);
  CHECK(failed.error().code == ErrorCode::kIo);
  CHECK(failed.error().message == "open state/lock: No such file or directory");
}

}  // namespace
}  // namespace forebay
