#include "common/client/line_source.h"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <functional>

#include "common/base/bytes.h"
#include "tests/support/memory.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

void append(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::app | std::ios::binary) << text;
}

struct Seen {
  std::string text;
  std::uint64_t number;
  std::uint64_t end;
  friend bool operator==(const Seen&, const Seen&) = default;
};

/// The next line however long it is, or what there is instead.
LineSource::Reading read_on(LineSource& source) {
  while (true) {
    const auto reading = source.next();
    REQUIRE(reading.has_value());
    if (!std::holds_alternative<LineSource::MoreToRead>(*reading)) return *reading;
  }
}

/// What there is by now.
std::vector<Seen> drain(LineSource& source) {
  std::vector<Seen> lines;
  while (true) {
    const auto reading = read_on(source);
    const auto* line = std::get_if<LineSource::Line>(&reading);
    if (line == nullptr) return lines;
    lines.push_back({std::string(line->text), line->number, line->end});
  }
}

/// The naive way.
std::vector<Seen> lines_of(const std::string& text) {
  std::vector<Seen> lines;
  std::size_t at = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', at)) {
    lines.push_back({text.substr(at, end - at), lines.size() + 1, end + 1});
    at = end + 1;
  }
  return lines;
}

std::unique_ptr<LineSource> open_source(const std::string& path, bool follow) {
  auto source = LineSource::open(path, follow);
  REQUIRE(source.has_value());
  return std::move(*source);
}

rc::Gen<std::string> text() {
  return rc::gen::container<std::string>(
      rc::gen::weightedElement<char>({{6, 'a'}, {3, '\n'}, {1, '\r'}, {1, '\0'}}));
}

}  // namespace

TEST_CASE("AnySplitOfWritesGivesTheSameLinesAndOffsets") {
  REQUIRE(rc::check([] {
    const auto parts = *rc::gen::container<std::vector<std::string>>(text());
    const test::TempDir dir;
    const std::string path = dir / "lines";
    append(path, "");
    const auto source = open_source(path, true);
    std::vector<Seen> seen;
    std::string whole;
    for (const std::string& part : parts) {
      append(path, part);
      whole += part;
      for (Seen& line : drain(*source)) seen.push_back(std::move(line));
    }
    RC_ASSERT(seen == lines_of(whole));
    RC_ASSERT(source->unfinished() == whole.size() - source->offset());
  }));
}

TEST_CASE("ItResumesAtEveryLineEndAndNowhereElse") {
  const test::TempDir dir;
  const std::string whole = "one\n\nthree\n\r\nfive\nunfinished";
  append(dir / "lines", whole);
  const std::vector<Seen> all = lines_of(whole);
  for (std::size_t offset = 0; offset <= whole.size() + 2; ++offset) {
    const auto source = open_source(dir / "lines", false);
    const auto resumed = source->resume(offset);
    const bool line_end = offset == 0 || (offset <= whole.size() && whole[offset - 1] == '\n');
    CAPTURE(offset);
    REQUIRE(resumed.has_value() == line_end);
    if (!line_end) {
      CHECK(resumed.error().code == ErrorCode::kBadInput);
      continue;
    }
    std::vector<Seen> rest;
    for (const Seen& line : all) {
      if (line.end > offset) rest.push_back(line);
    }
    CHECK(source->lines() == all.size() - rest.size());
    CHECK(drain(*source) == rest);
  }
}

TEST_CASE("AResumeAsksNowAndThenWhetherItIsToGoOn") {
  const test::TempDir dir;
  std::string whole;
  while (whole.size() < 3 * limits::kFileReadBytes) whole += "a line\n";
  append(dir / "lines", whole);
  int asked = 0;
  const auto stopped = open_source(dir / "lines", false);
  REQUIRE(stopped->resume(whole.size(), [&] { return ++asked < 2; }));
  CHECK(asked == 2);
  CHECK(stopped->offset() < whole.size());
  const auto resumed = open_source(dir / "lines", false);
  REQUIRE(resumed->resume(whole.size(), [] { return true; }));
  CHECK(resumed->offset() == whole.size());
}

TEST_CASE("AnUnfinishedLastLineIsLeftAloneAndCounted") {
  const test::TempDir dir;
  append(dir / "lines", "one\ntwo");
  const auto source = open_source(dir / "lines", false);
  CHECK(drain(*source).size() == 1);
  CHECK(source->unfinished() == 3);
  CHECK(std::holds_alternative<LineSource::End>(*source->next()));
}

TEST_CASE("AnUnfinishedLastLineIsTakenIfAsked") {
  const test::TempDir dir;
  append(dir / "lines", "one\ntwo");
  const auto source = open_source(dir / "lines", false);
  CHECK(drain(*source).size() == 1);
  const auto last = source->take_unfinished();
  REQUIRE(last.has_value());
  CHECK(last->text == "two");
  CHECK(last->number == 2);
  CHECK(source->unfinished() == 0);
  CHECK_FALSE(source->take_unfinished().has_value());
}

TEST_CASE("TheFingerprintIsOfTheFirstLineAndStaysAsTheFileGrows") {
  const test::TempDir dir;
  append(dir / "lines", "fir");
  const auto source = open_source(dir / "lines", true);
  CHECK_FALSE(source->fingerprint().value().has_value());
  append(dir / "lines", "st\n");
  CHECK(source->fingerprint().value() == checksum("first"));
  append(dir / "lines", "second\n");
  CHECK(source->fingerprint().value() == checksum("first"));
}

TEST_CASE("ALineThatIsTooLongIsPassedOverAndTheNextOneComes") {
  const test::TempDir dir;
  for (const std::size_t over : {0, 1, 700'000, 5'000'000}) {
    const std::string path = dir / std::to_string(over);
    const std::string line(limits::kLineBytesMax + over, 'x');
    append(path, "before\n" + line + "\nafter\n");
    const auto source = open_source(path, false);
    static_cast<void>(source->next());
    const auto reading = read_on(*source);
    const auto& seen = std::get<LineSource::Line>(reading);
    CAPTURE(over);
    CHECK(seen.bytes == line.size());
    CHECK(seen.too_long == (over > 0));
    CHECK(seen.text == (over > 0 ? line.substr(0, limits::kLineBytesShown) : line));
    CHECK(seen.end == 7 + line.size() + 1);
    CHECK(drain(*source) == std::vector<Seen>{{"after", 3, 7 + line.size() + 1 + 6}});
  }
}

TEST_CASE("ALineWithoutEndIsReadInBoundedSteps") {
  // Without them, `forebay publish events - </dev/zero` was deaf to signals.
  const test::TempDir dir;
  const std::size_t steps = 5;
  append(dir / "lines", std::string(steps * limits::kLineStepBytes, 'x') + "\nafter\n");
  const auto source = open_source(dir / "lines", true);
  for (std::size_t step = 1; step <= steps; ++step) {
    REQUIRE(std::holds_alternative<LineSource::MoreToRead>(*source->next()));
    CHECK(source->unfinished() == step * limits::kLineStepBytes);
  }
  CHECK(std::get<LineSource::Line>(*source->next()).too_long);
  CHECK(std::get<LineSource::Line>(*source->next()).text == "after");
}

TEST_CASE("ALineLongerThanTheMemoryAllowsIsNotKept") {
  const test::TempDir dir;
  constexpr std::size_t kSize = 256 << 20;
  append(dir / "lines", "");
  std::filesystem::resize_file(dir / "lines", kSize);  // zeros, that take no room
  const auto source = open_source(dir / "lines", false);
  const std::size_t before = test::peak_memory_bytes();
  CHECK(source->fingerprint().value() == checksum(std::string(limits::kLineBytesMax, '\0')));
  CHECK(std::holds_alternative<LineSource::End>(read_on(*source)));
  CHECK(source->unfinished() == kSize);
  CHECK(test::peak_memory_bytes() - before < (128 << 20));  // the sanitizers add their own
}

TEST_CASE("AFollowedFileThatIsTruncatedReplacedOrRemovedIsAnError") {
  const test::TempDir dir;
  const std::string path = dir / "lines";
  const auto changed = [&](const std::function<void()>& change, const std::string& what) {
    std::filesystem::remove(path);
    append(path, "one\ntwo\n");
    const auto source = open_source(path, true);
    REQUIRE(drain(*source).size() == 2);
    change();
    const auto reading = source->next();
    REQUIRE_FALSE(reading.has_value());
    CHECK(reading.error().message.find(what) != std::string::npos);
  };
  changed([&] { std::filesystem::resize_file(path, 4); }, "truncated");
  changed([&] { std::filesystem::remove(path); }, "removed");
  changed(
      [&] {
        append(path + ".new", "one\ntwo\nthree\n");
        std::filesystem::rename(path + ".new", path);
      },
      "replaced");
}

TEST_CASE("WaitEndsWhenAFollowedFileGrows") {
  const test::TempDir dir;
  append(dir / "lines", "one\n");
  const auto source = open_source(dir / "lines", true);
  REQUIRE(drain(*source).size() == 1);
  append(dir / "lines", "two\n");
  const auto begin = std::chrono::steady_clock::now();
  source->wait(std::chrono::minutes(1), -1);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(30));
  CHECK(drain(*source).size() == 1);
}

TEST_CASE("WhatIsNoFileIsRefused") {
  const test::TempDir dir;
  CHECK(LineSource::open(dir / "nothing", false).error().code == ErrorCode::kNotFound);
  CHECK(LineSource::open(dir.path().string(), false).error().code == ErrorCode::kBadInput);
}

}  // namespace forebay
