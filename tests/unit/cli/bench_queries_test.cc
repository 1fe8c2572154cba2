#include "cli/bench_queries.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/bench_runs.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

Result<std::vector<Json>> questions_in(const std::string& text) {
  const test::TempDir folder;
  std::ofstream(folder / "questions") << text;
  return read_questions(folder / "questions");
}

TEST_CASE("QuestionsAreReadWithoutWhatTheyWouldWaitFor") {
  const auto questions = questions_in("\n{\"to_zone\": \"EU\", \"at_least\": {\"a\": 1}}\n{}");
  REQUIRE(questions.has_value());
  CHECK(*questions == std::vector<Json>{Json{{"to_zone", "EU"}}, Json::object()});
}

TEST_CASE("NoMoreQuestionsAreReadThanAreAsked") {
  std::string text;
  for (std::uint64_t i = 0; i < kBenchSinglesMax + 5; ++i) text += "{}\n";
  CHECK(questions_in(text)->size() == kBenchSinglesMax);
}

TEST_CASE("ALineThatIsNoQuestionIsNamed") {
  const auto bad = questions_in("{}\n[1]\n");
  REQUIRE_FALSE(bad.has_value());
  CHECK(bad.error().code == ErrorCode::kBadInput);
  CHECK(bad.error().message.find("line 2: the query is not an object") != std::string::npos);
  CHECK_FALSE(questions_in("\n \n").has_value());
}

TEST_CASE("TheRoomNeededCoversEachMeasurementsEventsAndNotMuchMore") {
  for (const std::size_t bytes : {64, 256, 2048, 4000, 1 << 20}) {
    const std::uint64_t of_events = std::uint64_t{512} << 20;
    const std::uint64_t needed = bench_bytes_needed({of_events / bytes, bytes, {}});
    CHECK(needed > 3 * of_events);
    CHECK(needed < 8 * of_events);
  }
}

}  // namespace
}  // namespace forebay
