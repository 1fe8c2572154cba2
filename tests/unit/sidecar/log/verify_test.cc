#include "sidecar/log/verify.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "common/base/bytes.h"
#include "common/event/batch_layout.h"
#include "sidecar/log/layout.h"
#include "tests/support/damaged_log.h"

namespace forebay {
namespace {

using test::MadeLog;

std::vector<std::string> problems_of(const MadeLog& made) {
  const auto report = verify_log(made.folder());
  REQUIRE(report.has_value());
  CHECK_FALSE(report->sound());
  return report->problems;
}

std::string number(std::uint64_t value) {
  std::string bytes;
  append_le(bytes, value);
  return bytes;
}

TEST_CASE("AFirstPageThatClaimsPagesWithoutEndIsAProblem") {
  MadeLog made;
  make_log(made, 1);
  constexpr std::size_t kLastPageAt = 136;  // docs/log-format.md
  for (const std::uint64_t page : {0, 1})
    test::write_at(made.file(), page * test::kPageBytes + kLastPageAt,
                   number(std::uint64_t{1} << 60));
  CHECK_THAT(problems_of(made),
             Catch::VectorContains(std::string("it says that it has more pages than the file")));
}

TEST_CASE("AValueLongerThanAnyIsNotReadForItsLength") {
  MadeLog made;
  make_log(made, 1);
  const std::string bytes = test::read_file(made.file());
  // The first large batch, wherever a leaf leads to it: size u32, flags u16, key size u16, key.
  const std::string node =
      std::string("\1\0\x8\0", 4) + number(made.streams["large"].begin()->first);
  int nodes = 0;
  for (std::size_t at = bytes.find(node); at != std::string::npos; at = bytes.find(node, at + 1)) {
    ++nodes;
    std::string size;
    append_le(size, static_cast<std::uint32_t>(limits::kFrameBytesMax + 1));
    test::write_at(made.file(), at - size.size(), size);
  }
  REQUIRE(nodes > 0);
  const auto problems = problems_of(made);
  CHECK(std::any_of(problems.begin(), problems.end(), [](const std::string& problem) {
    return problem.ends_with(": a value longer than any");
  }));
}

TEST_CASE("OfManyHolesAllAreCountedAndOnlySoManyShown") {
  const MadeLog made;
  constexpr std::uint64_t kHoles = limits::kHolesShownMax + 1;
  {
    const auto log = Log::open({made.folder(), {"a"}, std::nullopt});
    REQUIRE(log.has_value());
    auto transaction = (*log)->begin();
    for (std::uint64_t i = 0; i < 2 * kHoles; ++i) {
      std::string batch =
          test::make_batch({(*log)->stream({0}).incarnation, {7}, {1}, {i}, {i + 1}});
      REQUIRE(transaction.append({0}, batch, batch.data(), WallTime{}).has_value());
    }
    REQUIRE(transaction.commit().has_value());
  }
  std::string bytes = test::read_file(made.file());
  for (std::size_t at = bytes.find(batch_layout::kMagic); at != std::string::npos;
       at = bytes.find(batch_layout::kMagic, at + 1)) {
    const auto header = parse_batch_header(std::string_view(bytes).substr(at));
    if (header && header->first().value % 2 == 0) bytes[at] = '?';
  }
  test::write_at(made.file(), 0, bytes);
  const auto report = verify_log(made.folder());
  REQUIRE(report.has_value());
  const StreamReport& stream = report->streams.front();
  CHECK(stream.holes.size() == limits::kHolesShownMax);
  CHECK(stream.hole_count == kHoles);
  CHECK(stream.damaged == kHoles);
  CHECK(stream.batches == kHoles);
}

}  // namespace
}  // namespace forebay
