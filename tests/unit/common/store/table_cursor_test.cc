#include "common/store/table_cursor.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <string>

#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

constexpr Table kOnly{0};

std::unique_ptr<Store> open_keyed_store(const std::string& dir) {
  return std::move(Store::open(dir, {"only"}).value());
}

TEST_CASE("ACursorFindsWhatASearchFromTheStartFinds") {
  const test::TempDir dir;
  const auto store = open_keyed_store(dir / "view");
  std::mt19937 random(7);
  const auto key = [&] {
    return std::string(1 + random() % 3, static_cast<char>('a' + random() % 3)) +
           std::to_string(random() % 300);
  };
  std::map<std::string, std::string, std::less<>> expected;
  WriteTransaction write = store->write();
  for (int i = 0; i < 500; ++i) {
    const std::string name = key(), value = std::to_string(i);
    REQUIRE(write.put(kOnly, name, value).has_value());
    expected[name] = value;
  }
  REQUIRE(write.commit().has_value());

  const ReadTransaction read = store->read();
  TableCursor cursor(read, kOnly);
  auto place = expected.end();
  for (int i = 0; i < 20'000; ++i) {
    bool there = false;
    if (place != expected.end() && random() % 2 == 0) {
      ++place;
      there = cursor.next();
    } else {
      // Often the very place or the one after, which a near search has its short ways for.
      std::string wanted = key();
      if (place != expected.end() && random() % 2 == 0)
        wanted = place->first + (random() % 2 ? "" : "x");
      place = expected.lower_bound(wanted);
      there = random() % 4 == 0 ? cursor.seek(wanted) : cursor.seek_near(wanted);
    }
    REQUIRE(there == (place != expected.end()));
    if (!there) continue;
    REQUIRE(cursor.key() == place->first);
    REQUIRE(cursor.value() == place->second);
  }
}

TEST_CASE("ACursorOfAnEmptyTableFindsNothing") {
  const test::TempDir dir;
  const auto store = open_keyed_store(dir / "view");
  const ReadTransaction read = store->read();
  TableCursor cursor(read, kOnly);
  CHECK_FALSE(cursor.seek(""));
  CHECK_FALSE(cursor.seek_near("a"));
}

}  // namespace
}  // namespace forebay
