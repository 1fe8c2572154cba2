// From the tree of a TOML text to a draft of a Topology: every key, its type and its value by
// itself. What must hold between the parts of a topology is validate.h's.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "topology/problem.h"
#include "topology/toml_document.h"
#include "topology/topology.h"

namespace forebay {

/// A topology as far as it could be read, with what was wrong. Places are keyed by path, e.g.
/// "nodes/feed-1" (its name), "nodes/feed-1/host" (the value), "nodes/feed-1/publishes/0"; names
/// have no slash.
struct Draft {
  Topology topology;
  std::map<std::string, Place> places;
  std::set<std::string> misread;  // paths whose value has been complained of already
  Problems problems;

  /// The place of `path`, or of the nearest thing around it that is in the file.
  [[nodiscard]] Place place(std::string_view path) const;
  void problem(std::string_view path, std::string what, std::string mend);
};

/// Relative paths are taken from `folder`.
[[nodiscard]] Draft read_draft(const TomlValue& document, std::string_view folder);

}  // namespace forebay
