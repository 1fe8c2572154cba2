// Which events a verb takes: globs over type and subject.
#pragma once

#include <string>

#include "common/event/event.h"

namespace CLI {
class App;
}

namespace forebay {

struct Selection {
  std::string type;  // globs; empty: all
  std::string subject;

  /// Adds --type and --subject; the selection outlives the parsing.
  void add_options(CLI::App& verb);
  [[nodiscard]] bool takes(const EventView& event) const;
  [[nodiscard]] bool takes_all() const { return type.empty() && subject.empty(); }
};

}  // namespace forebay
