#include "cli/selection.h"

#include <fnmatch.h>

#include <CLI/CLI.hpp>
#include <string_view>

namespace forebay {
namespace {

bool matches(const std::string& glob, std::string_view text) {
  return glob.empty() || ::fnmatch(glob.c_str(), std::string(text).c_str(), 0) == 0;
}

}  // namespace

void Selection::add_options(CLI::App& verb) {
  verb.add_option("--type", type, "Only events whose type matches this glob")->type_name("GLOB");
  verb.add_option("--subject", subject, "Only events whose subject matches this glob")
      ->type_name("GLOB");
}

bool Selection::takes(const EventView& event) const {
  return matches(type, event.type) && matches(subject, event.subject);
}

}  // namespace forebay
