#include "cli/live_frame.h"

#include <catch2/catch.hpp>
#include <regex>

namespace forebay {
namespace {

using Row = std::vector<std::string>;
using Lines = std::vector<std::string>;

const Row kHeading = {"STREAM", "SIDECAR", "HEAD", "OLDEST", "BYTES",  "RATE",  "LOST",  "CONSUMER",
                      "CURSOR", "LAG",     "AGE",  "LOST",   "FAILED", "STATE", "HEALTH"};

Row row(const std::string& stream, const std::string& health = "ok") {
  return {stream, "side", "48", "1", "9.3 KiB", "0/s",  "0",   "sourcing-1",
          "48",   "0",    "0s", "0", "0",       "LIVE", health};
}

Row alert(const std::string& name, const std::string& text = "so it is") {
  return {name, "side", "catalog", "2026-01-01T00:00:00Z", "3m", text};
}

LiveStatus status(std::vector<Row> rows, std::vector<Row> alerts = {}) {
  rows.insert(rows.begin(), kHeading);
  if (!alerts.empty())
    alerts.insert(alerts.begin(), {"ALERT", "DAEMON", "ABOUT", "SINCE", "FOR", "WHAT"});
  return {"demo", "2026-01-01T00:03:00Z", std::move(rows), std::move(alerts)};
}

/// What a terminal shows of it, a line each.
Lines seen(const LiveStatus& status, const Window& window) {
  const std::string plain =
      std::regex_replace(live_frame(status, window), std::regex("\x1b\\[[0-9;]*[A-Za-z]"), "");
  Lines lines;
  for (std::size_t at = 0; at <= plain.size();) {
    const std::size_t end = std::min(plain.find("\r\n", at), plain.size());
    lines.push_back(plain.substr(at, end - at));
    at = end + 2;
  }
  return lines;
}

TEST_CASE("APictureIsPutOverTheOneBeforeAndClearsWhatThatHadMore") {
  const std::string bytes = live_frame(status({row("catalog")}), {200, 24, true});
  CHECK(bytes.starts_with("\x1b[H"));
  CHECK(bytes.ends_with("\x1b[K\x1b[J"));
  CHECK(bytes.find("\x1b[2J") == std::string::npos);  // a moment of an empty screen
  const Lines lines = seen(status({row("catalog")}), {200, 24, true});
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "demo  2026-01-01T00:03:00Z  all is well  (q quits)");
  CHECK(lines[1].empty());
  CHECK(lines[2].starts_with("STREAM   SIDECAR  HEAD"));
  CHECK(lines[3].ends_with("LIVE   ok"));
  // Every line clears its own rest, and the last has no newline that would move all up.
  std::size_t cleared = 0;
  for (std::size_t at = 0; (at = bytes.find("\x1b[K", at)) != std::string::npos; ++at) ++cleared;
  CHECK(cleared == lines.size());
}

TEST_CASE("BeforeTheFirstAnswersItSaysThatItAsks") {
  const Lines lines = seen({"demo", "2026-01-01T00:03:00Z", {}, {}}, {80, 24, true});
  CHECK(lines[0] == "demo  2026-01-01T00:03:00Z  asking …  (q quits)");
}

TEST_CASE("WhatIsNotWellStandsOutAndAlertsStandBelow") {
  const LiveStatus some = status({row("catalog"), row("stock", "! lag")}, {alert("lag")});
  const std::string bytes = live_frame(some, {200, 24, true});
  CHECK(bytes.find("\x1b[1;31mstock ") != std::string::npos);
  CHECK(bytes.find("\r\ncatalog ") != std::string::npos);  // as it is
  CHECK(bytes.find("\x1b[1;31mlag ") != std::string::npos);
  const Lines lines = seen(some, {200, 24, true});
  REQUIRE(lines.size() == 8);
  CHECK(lines[0].find("1 of 2 rows not well, 1 alert  ") != std::string::npos);
  CHECK(lines[3].starts_with("catalog"));  // in the order of the topology while there is room
  CHECK(lines[5].empty());
  CHECK(lines[6].starts_with("ALERT  DAEMON  ABOUT"));
  // Without colours it is bold alone.
  const std::string plain = live_frame(some, {200, 24, false});
  CHECK(plain.find("31m") == std::string::npos);
  CHECK(plain.find("\x1b[1mstock ") != std::string::npos);
}

TEST_CASE("ANarrowWindowKeepsWhatIsLostBehindAndNotWell") {
  for (const std::size_t columns : {120, 100, 80}) {
    const Lines lines = seen(status({row("catalog"), row("stock", "! lag")}), {columns, 24, true});
    INFO(lines[2]);
    for (const std::string column : {"STREAM", "LOST", "CONSUMER", "LAG", "HEALTH"})
      CHECK(lines[2].find(column) != std::string::npos);
    CHECK(lines[2].find("LOST") != lines[2].rfind("LOST"));  // the stream's, and the consumer's
    CHECK(lines[4].ends_with("! lag"));
    for (const std::string& line : lines) CHECK(line.size() <= columns);
  }
  CHECK(seen(status({row("catalog")}), {80, 24, true})[2].find("OLDEST") == std::string::npos);
  for (const std::string& line : seen(status({row("catalog")}), {7, 24, true}))
    CHECK(line.size() <= 7);
}

TEST_CASE("ANarrowWindowKeepsWhatAnAlertSays") {
  const LiveStatus some = status({row("catalog")}, {alert("silent_beacon", "is it up?")});
  CHECK(seen(some, {200, 24, true})[5].find("SINCE") != std::string::npos);
  const Lines lines = seen(some, {60, 24, true});
  CHECK(lines[5].find("SINCE") == std::string::npos);
  CHECK(lines[6].ends_with("3m   is it up?"));
}

TEST_CASE("ALineIsCutBetweenCharacters") {
  CHECK(cut_to("abc", 3) == "abc");
  CHECK(cut_to("abc", 2) == "ab");
  CHECK(cut_to("aéb", 2) == "aé");
  CHECK(cut_to("…é€x", 3) == "…é€");
  CHECK(cut_to("", 3).empty());
  CHECK(cut_to("é", 0).empty());
}

TEST_CASE("InALowWindowWhatIsNotWellComesFirstAndTheRestIsCounted") {
  std::vector<Row> rows;
  for (int i = 0; i < 30; ++i)
    rows.push_back(row("s" + std::to_string(i), i == 25 || i == 28 ? "! lag" : "ok"));
  Lines lines = seen(status(rows), {200, 10, true});
  REQUIRE(lines.size() == 10);
  CHECK(lines[3].starts_with("s25 "));
  CHECK(lines[4].starts_with("s28 "));
  CHECK(lines[5].starts_with("s0 "));
  CHECK(lines[9] == "… 24 more rows");
  // The alerts have half of it at least, and what is not well is never left out in silence.
  lines = seen(status(rows, {alert("a1"), alert("a2"), alert("a3"), alert("a4"), alert("a5")}),
               {200, 10, true});
  REQUIRE(lines.size() == 10);
  CHECK(lines[3].starts_with("s25 "));
  CHECK(lines[4] == "… 29 more rows, 1 not well");
  CHECK(lines[6].starts_with("ALERT"));
  CHECK(lines[8].starts_with("a2 "));
  CHECK(lines[9] == "… 3 more alerts");
  // What the table leaves is theirs.
  lines =
      seen(status({row("s")}, {alert("a1"), alert("a2"), alert("a3"), alert("a4"), alert("a5")}),
           {200, 11, true});
  CHECK(lines[10].starts_with("a5 "));
}

TEST_CASE("WhereThereIsRoomForAFewLinesOnlyTheAlertsAreCountedAlone") {
  const Lines lines =
      seen(status({row("s1"), row("s2", "! lag"), row("s3")}, {alert("a1")}), {200, 5, true});
  CHECK(lines[0].find("1 alert") != std::string::npos);
  REQUIRE(lines.size() == 5);
  CHECK(lines[3].starts_with("s2 "));
  CHECK(lines[4] == "… 2 more rows");
}

TEST_CASE("AWindowOfAnySizeIsNeverLeft") {
  std::vector<Row> rows(9, row("s", "! lag"));
  for (std::size_t high = 1; high < 20; ++high) {
    CHECK(seen(status(rows, {alert("a"), alert("b")}), {60, high, true}).size() <= high);
    CHECK(seen(status(rows), {1, high, true}).size() <= high);
  }
}

}  // namespace
}  // namespace forebay
