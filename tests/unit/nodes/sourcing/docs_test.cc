// The worked example of docs/edd.md is what the node answers.
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "world.h"

namespace forebay {
namespace {

using test::json;

/// What stands in the page's ```json blocks, in order.
std::vector<std::string> json_blocks(const std::string& path) {
  std::ifstream file(path);
  REQUIRE(file.is_open());
  std::vector<std::string> blocks;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line == "```json") {
      blocks.emplace_back();
      inside = true;
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      blocks.back() += line + "\n";
    }
  }
  return blocks;
}

std::string stream_of(const std::string& type) {
  const std::string noun = type.substr(0, type.find('.'));
  if (noun == "item") return "catalog";
  if (noun == "stock") return "inventory";
  return noun == "fc" ? "fulfilment" : "carriers";
}

TEST_CASE("TheWorkedExampleOfThePageHolds") {
  const auto blocks = json_blocks(FOREBAY_SOURCE_DIR "/docs/edd.md");
  REQUIRE(blocks.size() == 3);
  test::World world;
  std::istringstream events(blocks[1]);
  for (std::string line; std::getline(events, line);) {
    const json event = json::parse(line);
    const auto type = event.at("type").get<std::string>();
    CHECK(world.apply(stream_of(type), type, event.at("data")) == "");
  }
  json expected = json::parse(blocks[2]);
  json got = world.ask(json::parse(blocks[0]));
  expected.erase("as_of");
  got.erase("as_of");
  CHECK(got == expected);
}

}  // namespace
}  // namespace forebay
