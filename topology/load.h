// From a topology file to a checked Topology: the way in for every program.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "common/base/result.h"
#include "topology/problem.h"
#include "topology/topology.h"
#include "topology/validate.h"

namespace forebay {

/// $FOREBAY_TOPOLOGY, else /etc/forebay/topology.toml.
[[nodiscard]] std::string default_topology_path();

/// Reads and checks the file; otherwise all its problems, in the order of the file.
[[nodiscard]] tl::expected<Topology, Problems> read_topology(const std::string& path,
                                                             Keys keys = Keys::kThere);

/// The same with the problems in one kBadInput message, a line each.
[[nodiscard]] Result<Topology> load_topology(const std::string& path, Keys keys = Keys::kThere);

/// The same on a text; relative paths in it are taken from `folder`, which is absolute.
[[nodiscard]] tl::expected<Topology, Problems> parse_topology(std::string_view text,
                                                              std::string_view folder,
                                                              Keys keys = Keys::kThere);

}  // namespace forebay
