#include "cli/bundle.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace forebay {
namespace {

constexpr std::size_t kPartBytesMax = 2 * 1024 * 1024;
constexpr std::size_t kSecretFileBytesMax = 4096;  // a secret has 40
constexpr std::size_t kSecretWordBytesMin = 20;    // also of one that was damaged
constexpr std::string_view kBlank = "[secret removed]";

void add_words_of(const std::string& path, Secrets& secrets) {
  std::string text(kSecretFileBytesMax, '\0');
  std::ifstream file(path);
  if (!file) {
    secrets.unread.push_back(path);
    return;
  }
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (word.size() >= kSecretWordBytesMin) secrets.texts.push_back(word);
  }
}

std::string readme(const std::vector<BundlePart>& parts, const std::vector<std::string>& notes,
                   const Secrets& secrets, std::size_t removed) {
  std::string text =
      "What `forebay bundle` gathered on one host, for a bug report. Read it through before you\n"
      "give it away: names, addresses and public keys are in it, events and secret keys are "
      "not.\n\n";
  for (const BundlePart& part : parts) {
    text += part.name + ": " + part.about;
    if (part.cut)
      text += std::string("; cut, the ") +
              (part.keep == BundlePart::Keep::kFirst ? "first" : "last") + " " +
              std::to_string(kPartBytesMax / 1024 / 1024) + " MiB are here";
    text += '\n';
  }
  text += '\n';
  for (const std::string& note : notes) text += note + '\n';
  text += "Secret keys were looked for in all of it, and " + std::to_string(removed) +
          " places blanked: " + std::string(kBlank) + ".\n";
  for (const std::string& path : secrets.unread)
    text += "Not looked for, since this user may not read it: " + path + "\n";
  return text;
}

}  // namespace

Secrets secrets_below(const std::string& state_dir, const std::vector<std::string>& more) {
  Secrets secrets;
  std::error_code error;
  using Folder = std::filesystem::directory_iterator;
  for (Folder each(state_dir, error), end; !error && each != end; each.increment(error)) {
    std::error_code closed;
    for (Folder file(each->path(), closed); !closed && file != end; file.increment(closed)) {
      std::error_code ignored;
      // Also what was written half, and copies: secret.key.7YnVQk, secret.key~
      if (file->path().filename().string().starts_with("secret") && file->is_regular_file(ignored))
        add_words_of(file->path().string(), secrets);
    }
    if (closed == std::errc::permission_denied) secrets.unread.push_back(each->path().string());
  }
  for (const std::string& path : more) add_words_of(path, secrets);
  return secrets;
}

std::size_t remove_secrets(std::string& text, const Secrets& secrets) {
  std::size_t removed = 0;
  for (const std::string& secret : secrets.texts) {
    std::string without;
    std::size_t begin = 0;
    for (std::size_t at = 0; (at = text.find(secret, begin)) != std::string::npos; ++removed) {
      without.append(text, begin, at - begin).append(kBlank);
      begin = at + secret.size();
    }
    if (begin > 0) text = without.append(text, begin);
  }
  return removed;
}

bool cut_to(std::string& text, std::size_t bytes_max, BundlePart::Keep keep) {
  if (text.size() <= bytes_max) return false;
  if (keep == BundlePart::Keep::kFirst) {
    const std::size_t end = text.rfind('\n', bytes_max - 1);
    text.resize(end == std::string::npos ? bytes_max : end + 1);
  } else {
    const std::size_t end = text.find('\n', text.size() - bytes_max - 1);
    text.erase(0, end == std::string::npos ? text.size() - bytes_max : end + 1);
  }
  return true;
}

Bundle make_bundle(const std::string& folder, std::vector<BundlePart> parts,
                   const std::vector<std::string>& notes, const Secrets& secrets) {
  Bundle bundle;
  // Before the cut, which could leave half of one.
  for (BundlePart& part : parts) {
    bundle.removed += remove_secrets(part.text, secrets);
    part.cut = cut_to(part.text, kPartBytesMax, part.keep) || part.cut;
  }
  std::string about = readme(parts, notes, secrets, bundle.removed);
  remove_secrets(about, secrets);
  cut_to(about, kPartBytesMax, BundlePart::Keep::kFirst);
  bundle.members.push_back({folder + "/README.txt", std::move(about)});
  for (BundlePart& part : parts)
    bundle.members.push_back({folder + "/" + part.name, std::move(part.text)});
  return bundle;
}

}  // namespace forebay
