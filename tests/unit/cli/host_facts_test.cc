#include "cli/host_facts.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "common/service/state_lock.h"
#include "common/wire/secret_file.h"
#include "common/wire/transport.h"
#include "tests/support/temp_dir.h"
#include "topology/endpoints.h"

namespace forebay {
namespace {

using Names = std::vector<std::string>;

Topology host_here_and_there(const std::string& state_dir = "/nowhere") {
  Topology made;
  made.state_dir = state_dir;
  made.hosts = {{"here", "10.0.0.1"}, {"there", "10.0.0.2"}};
  made.sidecars = {{"events", "here", {{"a", {}}}, {}}, {"far", "there", {{"b", {}}}, {}}};
  Node feed, reader;
  feed.name = "feed";
  feed.kind = NodeKind::kFeed;
  feed.host = "here";
  reader.name = "reader";
  reader.host = "here";
  reader.subscribes = {{"a", {}}};
  made.nodes = {feed, reader};
  return made;
}

TEST_CASE("AHostIsThisMachineByItsAddressOrBecauseItIsSaid") {
  CHECK(hosts_here(host_here_and_there(), "", {"127.0.0.1", "10.0.0.2"}) == Names{"there"});
  CHECK(hosts_here(host_here_and_there(), "here", {"10.0.0.2"}) == Names{"here"});
  // Neither: it has to be said.
  const auto unknown = hosts_here(host_here_and_there(), "", {"10.9.9.9"});
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().code == ErrorCode::kBadInput);
  CHECK(unknown.error().message.find("--host") != std::string::npos);
  CHECK_FALSE(hosts_here(host_here_and_there(), "hree", {}).has_value());
  // Of one host there is no doubt, and what is on loopback is here.
  Topology small = host_here_and_there();
  small.hosts.pop_back();
  CHECK(hosts_here(small, "", {}) == Names{"here"});
  small.hosts = {{"a", "127.0.0.1"}, {"b", "127.0.0.2"}};
  CHECK(hosts_here(small, "", {}) == Names{"a", "b"});
}

TEST_CASE("AHoldersProcessIsFoundAndOneThatWaitsIsNot") {
  constexpr const char* kLocks =
      "1: POSIX  ADVISORY  WRITE 11 fe:00:5 0 EOF\n"
      "2: FLOCK  ADVISORY  WRITE 12 fe:00:6 0 EOF\n"
      "3: FLOCK  ADVISORY  WRITE 13 fe:00:5 0 EOF\n"
      "3: -> FLOCK  ADVISORY  WRITE 14 fe:00:5 0 EOF\n"
      "4: FLOCK  ADVISORY  WRITE\n";
  CHECK(lock_holder(kLocks, {0xfe, 0, 5}) == 13);
  CHECK(lock_holder(kLocks, {0xfe, 0, 6}) == 12);
  CHECK_FALSE(lock_holder(kLocks, {0xfe, 1, 5}).has_value());
  CHECK_FALSE(lock_holder("", {0xfe, 0, 5}).has_value());
}

TEST_CASE("HardLimitsAreReadAndWhatIsNotSaidIsUnlimited") {
  const ProcessLimits limits = hard_limits(
      "Limit                     Soft Limit           Hard Limit           Units     \n"
      "Max open files            1024                 20000                files     \n"
      "Max address space         unlimited            unlimited            bytes     \n");
  CHECK(limits.descriptors == 20'000);
  CHECK(limits.address_space == ProcessLimits::kUnlimited);
  CHECK(hard_limits("").descriptors == ProcessLimits::kUnlimited);
  CHECK(hard_limits("Max address space  5  6 bytes\n").address_space == 6);
}

TEST_CASE("ResidentsAreThoseOfTheHostAsTheirFoldersAre") {
  const test::TempDir dir;
  const auto lock = StateLock::take(dir / "events");
  REQUIRE(lock.has_value());
  ::chmod((dir / "events").c_str(), 0755);
  const auto all = residents_of(host_here_and_there(dir.path().string()), {"here"});
  REQUIRE(all.size() == 3);
  const Resident &sidecar = all[0], &feed = all[1], &reader = all[2];
  CHECK((sidecar.name == "events" && sidecar.is_sidecar && sidecar.folder_there));
  CHECK(sidecar.program == "forebay-sidecar");
  CHECK(sidecar.mode == 0755);
  CHECK(sidecar.process == ::getpid());
  CHECK(sidecar.disk_bytes > 0);
  CHECK_FALSE(sidecar.secret.there);
  CHECK((feed.program == "forebay-feed" && !feed.subscribes));
  CHECK((reader.program.empty() && reader.subscribes && !reader.folder_there));
  CHECK_FALSE(reader.process.has_value());
  CHECK(reader.disk_bytes == sidecar.disk_bytes);  // what it will be on
}

TEST_CASE("ASecretIsLookedAtWhateverIsWrongWithIt") {
  const test::TempDir dir;
  const std::string path = dir / "secret.key";
  CHECK_FALSE(look_at_secret(path, ::geteuid()).there);
  const KeyPair keys = make_key_pair();
  REQUIRE(write_secret(path, keys).has_value());
  SecretFile secret = look_at_secret(path, ::geteuid());
  CHECK((secret.there && secret.regular && secret.owner_alone && secret.of_folders_owner));
  CHECK(secret.public_key == keys.public_key);
  CHECK_FALSE(look_at_secret(path, ::geteuid() + 1).of_folders_owner);
  ::chmod(path.c_str(), 0640);
  secret = look_at_secret(path, ::geteuid());
  CHECK_FALSE(secret.owner_alone);
  CHECK(secret.public_key == keys.public_key);
  std::ofstream(path) << "nonsense\n";
  CHECK(look_at_secret(path, ::geteuid()).public_key.empty());
  std::filesystem::remove(path);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);  // nobody waits for its other end
  CHECK_FALSE(look_at_secret(path, ::geteuid()).regular);
}

}  // namespace
}  // namespace forebay
