// forebay bundle
#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/bundle.h"
#include "cli/bundle_parts.h"
#include "cli/doctor.h"
#include "cli/host_facts.h"
#include "cli/status_report.h"
#include "cli/table.h"
#include "cli/verb.h"

namespace forebay {
namespace {

constexpr std::string_view kEnd = ".tar.gz";

struct BundleOptions {
  std::string file, host;
};

/// forebay-bundle-<host>-20261121T082751Z
std::string default_name(std::time_t now) {
  utsname system{};
  ::uname(&system);
  std::string machine = system.nodename;
  std::replace_if(
      machine.begin(), machine.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '-');
  tm utc{};
  ::gmtime_r(&now, &utc);
  char time[32];
  std::strftime(time, sizeof time, "%Y%m%dT%H%M%SZ", &utc);
  return "forebay-bundle-" + machine + "-" + time;
}

/// The folder in the archive: its name, without the end.
std::string folder_of(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  if (name.ends_with(kEnd) && name.size() > kEnd.size()) name.resize(name.size() - kEnd.size());
  return name;
}

void print_members(const std::string& path, const Bundle& bundle) {
  std::vector<std::vector<std::string>> rows{{"FILE", "SIZE"}};
  for (const ArchiveMember& member : bundle.members)
    rows.push_back({member.name, short_size(member.text.size())});
  std::printf("%s\n%s", path.c_str(), aligned(rows).c_str());
  std::fflush(stdout);
}

int bundle(const Globals& globals, const BundleOptions& options) {
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  const auto examination = examine(globals, *topology, options.host);
  if (!examination) return exit_with(examination.error());
  const std::time_t now = std::time(nullptr);
  const std::string path =
      options.file.empty() ? default_name(now) + std::string(kEnd) : options.file;

  const Findings findings = findings_of(*topology, *examination, FOREBAY_VERSION);
  const Json doctor = doctor_json(*examination, findings, FOREBAY_VERSION);
  std::vector<BundlePart> parts{
      {"topology.toml", "the topology file", text_of(globals.topology_path)},
      {"doctor.json", "what `forebay doctor --json` says",
       doctor.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"}};
  std::vector<std::string> notes;
  for (const auto& more :
       {parts_heard(*examination), parts_of_machine(examination->residents, FOREBAY_VERSION),
        parts_of_journal(examination->residents, notes)})
    parts.insert(parts.end(), more.begin(), more.end());
  for (const std::string& name : examination->not_asked)
    notes.push_back("Sidecar '" + name + "' of another host was not asked.");
  std::vector<std::string> own_secret;
  if (!globals.key_path.empty()) own_secret.push_back(globals.key_path);
  const Secrets secrets = secrets_below(topology->state_dir, own_secret);

  const Bundle made = make_bundle(folder_of(path), std::move(parts), notes, secrets);
  if (auto written = write_archive(path, made.members, now); !written)
    return exit_with(written.error());
  print_members(path, made);
  if (made.removed > 0)
    notice(std::to_string(made.removed) + " places held a secret key, and are blanked");
  for (const std::string& unread : secrets.unread)
    notice("this user may not read " + unread + ": its secret was not looked for");
  notice("read it through before you give it away");
  return kExitDone;
}

}  // namespace

void add_bundle_verb(CLI::App& app, Globals& globals) {
  CLI::App* verb = add_verb(
      app, globals, "bundle", "Puts what a bug report needs into one archive, without secrets",
      "  forebay bundle\n"
      "  forebay bundle /tmp/for-the-report.tar.gz\n"
      "Exit codes: 0 made, 1 failed, 2 bad usage or topology, or the file is there already.\n");
  add_key_option(*verb, globals);
  auto options = std::make_shared<BundleOptions>();
  verb->add_option("FILE", options->file,
                   "The archive (default: forebay-bundle-<host>-<time>.tar.gz in this folder)");
  verb->add_option("--host", options->host,
                   "The host that this machine is (default: by its addresses)")
      ->type_name("NAME");
  run_as(*verb, globals, [&globals, options] { return bundle(globals, *options); });
}

}  // namespace forebay
