// A secret key in a file of its owner's alone.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/wire/transport.h"

namespace forebay {

/// kNotFound; kBadInput if others may read it, or it holds no key.
[[nodiscard]] Result<KeyPair> read_secret(const std::string& path);
/// The same, and kBadInput unless its public key is one of `listed`, those of `name` in the topology.
[[nodiscard]] Result<KeyPair> read_listed_secret(const std::string& path, const std::string& name,
                                                 const std::vector<std::string>& listed);
/// On disk, mode 0600, once it returned; kBadInput if there is one.
[[nodiscard]] Result<void> write_secret(const std::string& path, const KeyPair& keys);

}  // namespace forebay
