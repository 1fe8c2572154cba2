#include "cli/host_checks.h"

#include <catch2/catch.hpp>

#include "common/base/limits.h"

namespace forebay {
namespace {

constexpr std::uint64_t kGiB = 1024 * 1024 * 1024;

/// A sidecar with which all is well.
Resident sound_host() {
  Resident resident{"events", "forebay-sidecar", true};
  resident.folder = "/state/events";
  resident.owner = "forebay";
  resident.free_bytes = 40 * kGiB;
  resident.disk_bytes = 100 * kGiB;
  resident.limits.descriptors = 65'536;
  resident.secret = {"/state/events/secret.key", true, "", true, true, true, "one"};
  resident.next_secret.path = "/state/events/secret.next";
  return resident;
}
const Identity kListed{"events", {"one", "two"}};

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("OfAHostWithWhichAllIsWellEachCheckIsOk") {
  const Findings all{check_clock(true), check_folder(sound_host()), check_disk(sound_host()),
                     check_limits(sound_host()), check_keys(sound_host(), kListed).at(0)};
  for (const Finding& finding : all) {
    CHECK(finding.severity == Severity::kOk);
    CHECK(finding.cause.empty());
    CHECK(finding.mend.empty());
  }
  CHECK(check_keys(sound_host(), kListed).size() == 1);
}

TEST_CASE("AClockThatIsNotSynchronisedIsWarnedOf") {
  const Finding found = check_clock(false);
  CHECK(found.severity == Severity::kWarning);
  CHECK(says(found.mend, "chrony"));
}

TEST_CASE("AFolderThatOthersMayEnterIsWrong") {
  for (const unsigned mode : {0710U, 0701U, 0755U}) {
    Resident open = sound_host();
    open.mode = mode;
    CHECK(check_folder(open).severity == Severity::kWrong);
    CHECK(check_folder(open).mend == "chmod 700 /state/events");
  }
}

TEST_CASE("AFolderThatIsNotThereOrClosedToThisUserIsWarnedOf") {
  Resident resident = sound_host();
  resident.may_enter = false;
  CHECK(check_folder(resident).severity == Severity::kWarning);
  CHECK(check_folder(resident).mend == "run this as 'forebay' or root");
  // Nothing is said of what could not be looked at.
  resident.secret.there = false;
  CHECK(check_keys(resident, kListed).empty());
  resident.folder_there = false;
  CHECK(check_folder(resident).severity == Severity::kWarning);
  CHECK(says(check_folder(resident).mend, "mounted"));
  CHECK(check_keys(resident, kListed).size() == 1);
}

TEST_CASE("ADiskWithLessThanATenthIsWarnedOfAndOneWithAlmostNothingIsWrong") {
  Resident resident = sound_host();
  resident.free_bytes = 10 * kGiB;
  CHECK(check_disk(resident).severity == Severity::kOk);
  --resident.free_bytes;
  CHECK(check_disk(resident).severity == Severity::kWarning);
  CHECK(says(check_disk(resident).cause, "of 100 GiB are left"));
  resident.free_bytes = 64 * 1024 * 1024 - 1;
  CHECK(check_disk(resident).severity == Severity::kWrong);
  resident.disk_bytes = resident.free_bytes;  // a small one, all of it free
  CHECK(check_disk(resident).severity == Severity::kWrong);
}

TEST_CASE("ARemoteFileSystemIsWrongHoweverMuchRoomItHas") {
  Resident resident = sound_host();
  resident.remote = true;
  CHECK(check_disk(resident).severity == Severity::kWrong);
  CHECK(check_disk(resident).mend == "set state_dir to a local disk");
}

TEST_CASE("FewDescriptorsAreWarnedOfForASidecarAlone") {
  Resident resident = sound_host();
  resident.limits.descriptors = 65'535;
  CHECK(check_limits(resident).severity == Severity::kWarning);
  CHECK(says(check_limits(resident).cause, "what starts from here may have 65535"));
  resident.process = 77;
  CHECK(says(check_limits(resident).cause, "process 77 may have 65535"));
  resident.is_sidecar = false;
  CHECK(check_limits(resident).severity == Severity::kOk);
}

TEST_CASE("AnAddressSpaceThatDoesNotHoldTheMapIsWrong") {
  Resident resident = sound_host();
  resident.limits.address_space = limits::kLogMapBytes;
  CHECK(check_limits(resident).severity == Severity::kWrong);
  CHECK(says(check_limits(resident).mend, "LimitAS=infinity"));
  resident.is_sidecar = false;  // a view's is smaller
  CHECK(check_limits(resident).severity == Severity::kOk);
  resident.limits.address_space = 2 * limits::kStoreMapBytes;  // and a rebuild has another
  CHECK(check_limits(resident).severity == Severity::kWrong);
}

TEST_CASE("OfAListedKeyTheSecretIsThereAndItsOwnersAlone") {
  const auto check = [](auto change) {
    Resident resident = sound_host();
    change(resident.secret);
    const Findings all = check_keys(resident, kListed);
    REQUIRE(all.size() == 1);
    return all[0];
  };
  const auto wrong = [&](const char* cause, auto change) {
    const Finding found = check(change);
    CHECK(found.severity == Severity::kWrong);
    CHECK(says(found.cause, cause));
    CHECK_FALSE(found.mend.empty());
  };
  wrong("there is no /state/events/secret.key", [](SecretFile& secret) { secret.there = false; });
  wrong("can be read by others", [](SecretFile& secret) { secret.owner_alone = false; });
  wrong("does not belong to 'forebay'",
        [](SecretFile& secret) { secret.of_folders_owner = false; });
  wrong("is no file", [](SecretFile& secret) { secret.regular = false; });
  wrong("holds no secret key", [](SecretFile& secret) { secret.public_key.clear(); });
  wrong("\"three\", which the topology does not list",
        [](SecretFile& secret) { secret.public_key = "three"; });
  CHECK(check([](SecretFile& secret) { secret.public_key = "two"; }).severity == Severity::kOk);
  // Who may not read it knows nothing of it.
  const Finding unread = check([](SecretFile& secret) {
    secret.fault = "cannot read it";
    secret.public_key.clear();
  });
  CHECK(unread.severity == Severity::kWarning);
  CHECK(unread.mend == "run this as 'forebay' or root");
}

TEST_CASE("ANextSecretIsFineWhileItsKeyIsListedAndWarnedOfOtherwise") {
  Resident resident = sound_host();
  resident.next_secret = resident.secret;
  resident.next_secret.public_key = "two";
  CHECK(check_keys(resident, kListed).size() == 1);
  resident.next_secret.public_key = "three";
  Findings all = check_keys(resident, kListed);
  REQUIRE(all.size() == 2);
  CHECK(all[1].severity == Severity::kWarning);
  CHECK(says(all[1].mend, "remove the file"));
  resident.next_secret.owner_alone = false;
  all = check_keys(resident, kListed);
  REQUIRE(all.size() == 2);
  CHECK(all[1].severity == Severity::kWrong);
}

TEST_CASE("WhoseProgramItIsStartsIt") {
  CHECK(says(how_to("start", "events", "forebay-sidecar"),
             "`systemctl start forebay-sidecar@events`, or `forebay up`"));
  CHECK(how_to("start", "audit", "") == "start it: 'audit' is a program of your own");
}

}  // namespace
}  // namespace forebay
