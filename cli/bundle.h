// What goes into a `forebay bundle`, and what never does: secrets are blanked in every part, whatever
// it is, and each part has its bound.
#pragma once

#include <string>
#include <vector>

#include "cli/archive.h"

namespace forebay {

/// A file of the bundle.
struct BundlePart {
  enum class Keep { kFirst, kLast };
  std::string name;
  std::string about;  // for the README
  std::string text;
  Keep keep = Keep::kFirst;  // where it is longer than a part may be
  bool cut = false;
};

struct Secrets {
  std::vector<std::string> texts;   // what must not be in a bundle
  std::vector<std::string> unread;  // files that this user may not read
};

/// The words of all secret files in the folders below `state_dir`, and of `more`; whatever else is
/// wrong with a file, whoever has it.
[[nodiscard]] Secrets secrets_below(const std::string& state_dir,
                                    const std::vector<std::string>& more);

/// Puts "[secret removed]" for each; how often.
std::size_t remove_secrets(std::string& text, const Secrets& secrets);

/// Keeps at most `bytes_max` of whole lines; whether it had to.
bool cut_to(std::string& text, std::size_t bytes_max, BundlePart::Keep keep);

struct Bundle {
  std::vector<ArchiveMember> members;  // README.txt first
  std::size_t removed = 0;             // secrets
};

/// `notes` are lines for the README. `folder`: that all lie in.
[[nodiscard]] Bundle make_bundle(const std::string& folder, std::vector<BundlePart> parts,
                                 const std::vector<std::string>& notes, const Secrets& secrets);

}  // namespace forebay
