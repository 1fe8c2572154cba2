#include "cli/bundle.h"

#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "common/wire/secret_file.h"
#include "common/wire/transport.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

constexpr std::size_t kPart = 2 * 1024 * 1024;

std::string member(const Bundle& bundle, const std::string& name) {
  const auto found = std::find_if(bundle.members.begin(), bundle.members.end(),
                                  [&](const ArchiveMember& each) { return each.name == name; });
  REQUIRE(found != bundle.members.end());
  return found->text;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("EachPlaceOfASecretIsBlankedAndNothingElse") {
  const Secrets secrets{{"one-secret", "another"}, {}};
  std::string text = "one-secretone-secret, <another>; one-secre";
  CHECK(remove_secrets(text, secrets) == 3);
  CHECK(text == "[secret removed][secret removed], <[secret removed]>; one-secre");
  std::string plain = "nothing here";
  CHECK(remove_secrets(plain, secrets) == 0);
  CHECK(plain == "nothing here");
}

TEST_CASE("SecretsAreThoseOfAllStateFoldersInWhateverStateTheirFilesAre") {
  const test::TempDir dir;
  std::filesystem::create_directories(dir / "a");
  std::filesystem::create_directories(dir / "left-the-topology");
  const KeyPair current = make_key_pair(), next = make_key_pair(), person = make_key_pair();
  REQUIRE(write_secret(dir / "a/secret.key", current).has_value());
  REQUIRE(write_secret(dir / "a/secret.next", next).has_value());
  REQUIRE(write_secret(dir / "alice.key", person).has_value());
  ::chmod((dir / "a/secret.key").c_str(), 0644);
  const std::string broken = current.secret_key.substr(1);
  std::ofstream(dir / "left-the-topology/secret.key.7YnVQk") << "  " << broken << "\r\nshort\n";
  std::ofstream(dir / "a/data.mdb") << "this-is-no-secret-but-some-data";
  Secrets found = secrets_below(dir.path().string(), {dir / "alice.key"});
  std::sort(found.texts.begin(), found.texts.end());
  std::vector<std::string> all{current.secret_key, next.secret_key, person.secret_key, broken};
  std::sort(all.begin(), all.end());
  CHECK(found.texts == all);
  CHECK(found.unread.empty());
  CHECK(secrets_below(dir / "nowhere", {dir / "bob.key"}).unread ==
        std::vector<std::string>{dir / "bob.key"});
}

TEST_CASE("ATextIsCutToWholeLinesOfItsBeginningOrEnd") {
  const auto cut = [](std::string text, std::size_t bytes, BundlePart::Keep keep) {
    const std::size_t before = text.size();
    const bool was_cut = cut_to(text, bytes, keep);
    CHECK(was_cut == (text.size() != before));
    CHECK(text.size() <= bytes);
    return text;
  };
  using Keep = BundlePart::Keep;
  CHECK(cut("one\ntwo\nthree\n", 14, Keep::kFirst) == "one\ntwo\nthree\n");
  CHECK(cut("one\ntwo\nthree\n", 13, Keep::kFirst) == "one\ntwo\n");
  CHECK(cut("one\ntwo\nthree\n", 8, Keep::kFirst) == "one\ntwo\n");
  CHECK(cut("one\ntwo\nthree\n", 7, Keep::kFirst) == "one\n");
  CHECK(cut("one\ntwo\nthree\n", 14, Keep::kLast) == "one\ntwo\nthree\n");
  CHECK(cut("one\ntwo\nthree\n", 10, Keep::kLast) == "two\nthree\n");
  CHECK(cut("one\ntwo\nthree\n", 9, Keep::kLast) == "three\n");
  CHECK(cut("one line without end", 4, Keep::kFirst) == "one ");
  CHECK(cut("one line without end", 3, Keep::kLast) == "end");
}

TEST_CASE("WhatIsInABundleAndWhatIsNotIsSaidInItsReadme") {
  const std::string secret(40, 's');
  std::string log;
  while (log.size() <= kPart) log += "a line of a log\n";
  const Bundle bundle =
      make_bundle("b",
                  {{"topology.toml", "the topology", "key = \"" + secret + "\"\n"},
                   {"log.txt", "its log", log + "the last line\n", BundlePart::Keep::kLast},
                   {"files.txt", "files", "the first line\n" + log},
                   {"journal.txt", "more", "some", BundlePart::Keep::kLast, true}},
                  {"A note with " + secret + "."}, {{secret}, {"/state/a/secret.key"}});
  REQUIRE(bundle.members.size() == 5);
  CHECK(bundle.members[0].name == "b/README.txt");
  CHECK(bundle.removed == 1);
  CHECK(member(bundle, "b/topology.toml") == "key = \"[secret removed]\"\n");
  CHECK(member(bundle, "b/log.txt").ends_with("the last line\n"));
  CHECK(member(bundle, "b/files.txt").starts_with("the first line\n"));
  for (const ArchiveMember& each : bundle.members) {
    CHECK(each.text.size() <= kPart);
    CHECK_FALSE(contains(each.text, secret));
  }
  const std::string readme = member(bundle, "b/README.txt");
  CHECK(contains(readme, "topology.toml: the topology\n"));
  CHECK(contains(readme, "log.txt: its log; cut, the last 2 MiB are here\n"));
  CHECK(contains(readme, "files.txt: files; cut, the first 2 MiB are here\n"));
  CHECK(contains(readme, "journal.txt: more; cut, the last 2 MiB are here\n"));
  CHECK(contains(readme, "A note with [secret removed].\n"));
  CHECK(contains(readme, "1 places blanked"));
  CHECK(contains(readme, "may not read it: /state/a/secret.key"));
}

TEST_CASE("ASecretWhereAPartIsCutLeavesNoHalf") {
  const std::string secret = "the-secret-of-this-test-has-no-newline-X";
  for (const std::size_t offset : {0U, 1U, 20U, 39U, 40U}) {
    const std::string first(kPart - offset, 'x'), last(kPart - 40 + offset, 'y');
    const Bundle bundle =
        make_bundle("b",
                    {{"first", "", first + secret + "more"},
                     {"last", "", "more" + secret + last, BundlePart::Keep::kLast}},
                    {}, {{secret}, {}});
    CHECK_FALSE(contains(member(bundle, "b/first"), secret.substr(0, 8)));
    CHECK_FALSE(contains(member(bundle, "b/last"), secret.substr(32)));
  }
}

TEST_CASE("AnArchiveIsItsOwnersAloneAndReplacesNothing") {
  const test::TempDir dir;
  const std::string path = dir / "a.tar.gz";
  REQUIRE(write_archive(path, {{"b/one", "text"}, {"b/two", ""}}, 1'700'000'000).has_value());
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  const auto size = std::filesystem::file_size(path);
  const auto again = write_archive(path, {{"b/other", "text"}}, 1'700'000'000);
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().code == ErrorCode::kBadInput);
  CHECK(std::filesystem::file_size(path) == size);
  CHECK_FALSE(write_archive(dir / "nowhere/a.tar.gz", {}, 0).has_value());
  // Nothing unfinished stays.
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 1);
}

}  // namespace
}  // namespace forebay
