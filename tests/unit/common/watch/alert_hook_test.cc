#include "common/watch/alert_hook.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/base/limits.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

struct HookFixture {
  test::TempDir dir;
  std::string program = dir / "hook";

  explicit HookFixture(const std::string& script) {
    std::ofstream(program) << "#!/bin/sh\ncd " << dir / ""
                           << "\n"
                           << script;
    REQUIRE(::chmod(program.c_str(), 0700) == 0);
  }
  std::string text(const std::string& file) const {
    std::ifstream in(dir / file);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

Alert alert(const std::string& subject, bool cleared = false) {
  Alert made{{"lag", subject, "12 behind"}, WallTime{}};
  if (cleared) made.cleared = WallTime{};
  return made;
}

TEST_CASE("AProgramIsToldOfEachAlertInOrderWithItsWordsAndItsJson") {
  const HookFixture f("echo \"$1 $2 $3\" >> told; cat >> json\n");
  AlertHook hook(f.program, "inventory");
  hook.hand_over({alert("a; rm -r b"), alert("c", true)});
  REQUIRE(test::eventually([&] { return f.text("json").find("\"c\"") != std::string::npos; }));
  CHECK(f.text("told") == "raised lag a; rm -r b\ncleared lag c\n");
  std::istringstream lines(f.text("json"));
  std::string line;
  std::getline(lines, line);
  const auto json = parse_json(line);
  REQUIRE(json.has_value());
  CHECK((*json)["daemon"] == "inventory");
  CHECK((*json)["subject"] == "a; rm -r b");
}

TEST_CASE("AProgramHasNoSignalBlockedOrIgnoredAndNoDescriptorOfOurs") {
  const HookFixture f(
      "sed -n 's/SigBlk:\\t//p; s/SigIgn:\\t//p' /proc/self/status > signals\n"
      "ls /proc/$$/fd > descriptors; echo > done\n");
  const int leaky = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  sigset_t stop, before;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &stop, &before);
  const auto ours = std::signal(SIGPIPE, SIG_IGN);
  {
    AlertHook hook(f.program, "inventory");
    hook.hand_over({alert("a")});
    CHECK(test::eventually([&] { return !f.text("done").empty(); }));
  }
  std::signal(SIGPIPE, ours);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  std::istringstream signals(f.text("signals"));
  std::uint64_t blocked = 1, ignored = 1 << (SIGPIPE - 1);
  signals >> std::hex >> blocked >> ignored;
  CHECK(blocked == 0);
  CHECK((ignored & (1 << (SIGPIPE - 1))) == 0);
  CHECK(("\n" + f.text("descriptors")).find("\n" + std::to_string(leaky) + "\n") ==
        std::string::npos);
  ::close(leaky);
}

TEST_CASE("AProgramThatIsNotThereOrDoesNotReadHoldsNothingUp") {
  AlertHook absent("/nowhere/at/all", "inventory");
  absent.hand_over({alert("a")});
  const HookFixture f("echo >> told; exit 3\n");
  AlertHook hook(f.program, "inventory");
  hook.hand_over({alert("a"), alert("b")});
  CHECK(test::eventually([&] { return f.text("told") == "\n\n"; }));
}

TEST_CASE("WhoeverEndsTakesARunningProgramAlongAndWaitsForNothing") {
  const HookFixture f("echo $$ > pid; tail -f /dev/null\n");
  pid_t child = 0;
  {
    AlertHook hook(f.program, "inventory");
    hook.hand_over({alert("a"), alert("b")});
    REQUIRE(test::eventually([&] { return !f.text("pid").empty(); }));
    child = std::stoi(f.text("pid"));
  }
  CHECK(::kill(child, 0) != 0);
}

TEST_CASE("OnlySoManyAlertsWaitForAProgram") {
  const HookFixture f("echo >> told; tail -f /dev/null\n");
  AlertHook hook(f.program, "inventory");
  hook.hand_over({alert("first")});
  REQUIRE(test::eventually([&] { return !f.text("told").empty(); }));
  std::vector<Alert> many(limits::kAlertHookQueueMax + 10, alert("a"));
  hook.hand_over(many);
  CHECK(hook.waiting() == limits::kAlertHookQueueMax);
}

}  // namespace
}  // namespace forebay
