// The hex blocks of docs/protocol.md and docs/log-format.md as bytes, so that tests hold the code
// to what the pages show.
#pragma once

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace forebay::test {

inline std::string read_page(const std::string& name) {
  std::ifstream file(std::string(FOREBAY_SOURCE_DIR) + "/docs/" + name);
  if (!file) throw std::runtime_error("cannot read docs/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The bytes of the first hex block after the first place where the page says `words`. Throws if
/// there is none, or if an offset on its left is wrong.
inline std::string worked_example(const std::string& page, std::string_view words) {
  const std::string text = read_page(page);
  const auto fail = [&](const std::string& what) {
    throw std::runtime_error("docs/" + page + ", \"" + std::string(words) + "\": " + what);
  };
  const auto said = text.find(words);
  if (said == std::string::npos) fail("not found");
  const auto begin = text.find("```\n", said);
  const auto end = text.find("```\n", begin + 4);
  if (begin == std::string::npos || end == std::string::npos) fail("no block follows");
  std::istringstream lines(text.substr(begin + 4, end - begin - 4));
  std::string bytes;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words_of_line(line);
    std::string offset, byte;
    words_of_line >> offset;
    if (std::stoul(offset, nullptr, 16) != bytes.size()) fail("wrong offset " + offset);
    while (words_of_line >> byte) bytes.push_back(static_cast<char>(std::stoul(byte, nullptr, 16)));
  }
  return bytes;
}

}  // namespace forebay::test
