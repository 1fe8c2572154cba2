#include "topology/load.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "common/base/limits.h"
#include "topology/reader.h"
#include "topology/toml_document.h"
#include "topology/validate.h"

namespace forebay {
namespace {

tl::unexpected<Problems> unreadable(const std::string& why) {
  return tl::unexpected(Problems{
      {{}, "cannot read the topology: " + why, "name the file with -t FILE or $FOREBAY_TOPOLOGY"}});
}

}  // namespace

std::string default_topology_path() {
  const char* path = std::getenv("FOREBAY_TOPOLOGY");
  return path != nullptr && *path != '\0' ? path : "/etc/forebay/topology.toml";
}

tl::expected<Topology, Problems> parse_topology(std::string_view text, std::string_view folder,
                                                Keys keys) {
  const auto document = parse_toml(text);
  if (!document) return tl::unexpected(Problems{document.error()});
  Draft draft = read_draft(*document, folder);
  validate(draft, keys);
  if (draft.problems.empty()) return std::move(draft.topology);
  std::stable_sort(draft.problems.begin(), draft.problems.end(),
                   [](const Problem& a, const Problem& b) { return a.place < b.place; });
  return tl::unexpected(std::move(draft.problems));
}

tl::expected<Topology, Problems> read_topology(const std::string& path, Keys keys) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::is_directory(status)) return unreadable("it is a folder");
  std::ifstream file(path, std::ios::binary);
  if (!file) return unreadable(std::strerror(errno));
  // One byte past the limit is enough for the parser to refuse it.
  std::string text(limits::kTopologyBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return unreadable(std::strerror(errno));
  text.resize(static_cast<std::size_t>(file.gcount()));
  // The real folder, so that every process derives the same paths whichever way it was told the
  // file.
  const auto folder = std::filesystem::weakly_canonical(
      std::filesystem::absolute(path, error).parent_path(), error);
  if (error) return unreadable(error.message());
  return parse_topology(text, folder.string(), keys);
}

Result<Topology> load_topology(const std::string& path, Keys keys) {
  auto read = read_topology(path, keys);
  if (read) return std::move(*read);
  const Problems& problems = read.error();
  if (problems.size() == 1) return fail(ErrorCode::kBadInput, problems[0].text(path));
  std::string message = "the topology has " + std::to_string(problems.size()) + " problems:";
  for (const Problem& problem : problems) message += "\n" + problem.text(path);
  return fail(ErrorCode::kBadInput, message);
}

}  // namespace forebay
