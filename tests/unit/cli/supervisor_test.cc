// The supervisor over real processes. Every wait is for a condition, with a deadline far beyond
// what it takes.
#include "cli/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "common/base/limits.h"

namespace forebay {
namespace {

using namespace std::chrono_literals;

/// The real clocks, moved ahead at will.
class MovableClock final : public Clock {
 public:
  WallTime wall() const override { return real_.wall() + ahead_; }
  MonoTime mono() const override { return real_.mono() + ahead_; }
  MonoTime since_boot() const override { return real_.since_boot() + ahead_; }
  bool synchronised() const override { return real_.synchronised(); }
  std::string host_boot() const override { return real_.host_boot(); }
  void advance(Nanoseconds by) { ahead_ += by; }

 private:
  SystemClock real_;
  Nanoseconds ahead_{0};
};

struct Fixture {
  MovableClock clock;
  std::vector<std::string> notices;

  Supervisor::Notice notice() {
    return [this](const std::string& text) { notices.push_back(text); };
  }
  bool noticed(const std::string& text) const { return count(text) > 0; }
  std::size_t count(const std::string& text) const {
    return static_cast<std::size_t>(std::count_if(
        notices.begin(), notices.end(),
        [&](const std::string& each) { return each.find(text) != std::string::npos; }));
  }
  std::size_t index_of(const std::string& text) const {
    for (std::size_t i = 0; i < notices.size(); ++i) {
      if (notices[i].find(text) != std::string::npos) return i;
    }
    return notices.size();
  }
};

/// Steps until `condition`; false if it is not so within 20 s, or the supervisor ended before.
template <class Condition>
bool step_until(Supervisor& supervisor, Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    if (!supervisor.step(20ms)) return condition();
  }
  return true;
}

bool run_out(Supervisor& supervisor) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (supervisor.step(100ms)) {
    if (std::chrono::steady_clock::now() > deadline) return false;
  }
  return true;
}

ChildSpec shell(const std::string& name, const std::string& script, int stage = 0) {
  return {name, {"/bin/sh", "-c", script}, stage};
}

ChildSpec sleeper(const std::string& name, int stage = 0) {
  return {name, {"/bin/sleep", "1000"}, stage};
}

bool alive(pid_t pid) { return pid > 0 && ::kill(pid, 0) == 0; }

/// Whether the program of `pid` has replaced the supervisor's own image.
bool executed(pid_t pid, const std::string& name) {
  std::string comm;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), comm);
  return comm == name;
}

struct TempFolder {
  std::filesystem::path path;
  TempFolder() {
    char pattern[] = "/tmp/forebay-up-XXXXXX";
    path = ::mkdtemp(pattern);
  }
  ~TempFolder() { std::filesystem::remove_all(path); }
};

TEST_CASE("TheDelayDoublesToItsBoundAndIsForgottenAfterALongLife") {
  std::chrono::milliseconds delay{0};
  std::vector<long> delays;
  for (int i = 0; i < 8; ++i) {
    delay = restart_delay(delay, 1s);
    delays.push_back(delay.count());
  }
  CHECK(delays == std::vector<long>{100, 200, 400, 800, 1600, 3200, 5000, 5000});
  CHECK(restart_delay(5000ms, 9999ms) == 5000ms);
  CHECK(restart_delay(5000ms, 10s) == 100ms);
}

TEST_CASE("AChildThatExitsZeroIsDone") {
  Fixture f;
  Supervisor supervisor({{"feed", {"/bin/true"}}}, f.clock, f.notice());
  CHECK(run_out(supervisor));
  CHECK_FALSE(supervisor.failed());
  CHECK(f.count("feed started") == 1);
  CHECK(f.noticed("feed is done after "));
}

TEST_CASE("AChildThatExitsTwoIsGivenUp") {
  Fixture f;
  Supervisor supervisor({shell("feed", "exit 2")}, f.clock, f.notice());
  CHECK(run_out(supervisor));
  CHECK(supervisor.failed());
  CHECK(f.count("feed started") == 1);
  CHECK(f.noticed("feed exited with code 2 after "));
  CHECK(f.noticed("it is given up"));
}

TEST_CASE("AChildThatFailsIsStartedAgainWithGrowingDelays") {
  Fixture f;
  Supervisor supervisor({{"feed", {"/bin/false"}}}, f.clock, f.notice());
  CHECK(step_until(supervisor, [&] { return f.count("feed started") == 3; }));
  CHECK(f.noticed("feed exited with code 1 after "));
  CHECK(f.noticed("; starting it again in 100 ms"));
  CHECK(f.noticed("; starting it again in 200 ms"));
}

TEST_CASE("AChildThatIsKilledIsStartedAgain") {
  Fixture f;
  Supervisor supervisor({sleeper("sidecar")}, f.clock, f.notice());
  CHECK(step_until(supervisor, [&] { return supervisor.pid_of("sidecar") != 0; }));
  const pid_t first = supervisor.pid_of("sidecar");
  ::kill(first, SIGKILL);
  CHECK(step_until(supervisor, [&] { return f.count("sidecar started") == 2; }));
  CHECK(f.noticed("sidecar was ended by signal 9 (Killed) after "));
  CHECK(supervisor.pid_of("sidecar") != first);
  CHECK(alive(supervisor.pid_of("sidecar")));
}

TEST_CASE("AProgramThatCannotBeRunSaysSo") {
  Fixture f;
  Supervisor supervisor({{"feed", {"/nonexistent/program"}}}, f.clock, f.notice());
  CHECK(step_until(supervisor, [&] { return f.noticed("its program could not be run"); }));
}

TEST_CASE("NothingIsStartedBeforeItsTime") {
  Fixture f;
  Supervisor supervisor({{"feed", {"/bin/false"}}}, f.clock, f.notice());
  CHECK(step_until(supervisor, [&] { return f.noticed("again in 100 ms"); }));
  f.clock.advance(1h);  // long past the delay: it is started at once
  REQUIRE(supervisor.step(0ms));
  CHECK(f.count("feed started") == 2);
}

TEST_CASE("StoppingGoesFromTheHighestStageDown") {
  Fixture f;
  TempFolder folder;
  const std::string order = (folder.path / "order").string();
  const auto recorder = [&](const std::string& name, int stage) {
    return shell(name,
                 "trap 'echo " + name + " >> " + order + "; exit 0' TERM; touch " +
                     (folder.path / name).string() + "; while :; do sleep 0.02; done",
                 stage);
  };
  Supervisor supervisor({recorder("node", 1), recorder("sidecar", 0)}, f.clock, f.notice());
  CHECK(step_until(supervisor, [&] {
    return std::filesystem::exists(folder.path / "node") &&
           std::filesystem::exists(folder.path / "sidecar");
  }));
  CHECK(f.index_of("sidecar started") < f.index_of("node started"));
  supervisor.stop();
  CHECK(run_out(supervisor));
  CHECK_FALSE(supervisor.failed());
  std::ifstream file(order);
  std::string first;
  std::string second;
  file >> first >> second;
  CHECK(first == "node");
  CHECK(second == "sidecar");
}

TEST_CASE("ASignalToTheSupervisorStopsTheChildren") {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    Fixture f;
    Supervisor supervisor({sleeper("sidecar"), sleeper("node", 1)}, f.clock, f.notice());
    CHECK(step_until(supervisor, [&] { return supervisor.pid_of("node") != 0; }));
    ::kill(::getpid(), signal);
    CHECK(run_out(supervisor));
    CHECK_FALSE(supervisor.failed());
    CHECK(f.noticed("stopping"));
  }
}

TEST_CASE("AChildThatDoesNotStopIsKilledAfterTenSeconds") {
  Fixture f;
  TempFolder folder;
  const std::string ready = (folder.path / "ready").string();
  Supervisor supervisor(
      {sleeper("sidecar"), shell("node", "trap '' TERM; touch " + ready + "; exec sleep 1000", 1)},
      f.clock, f.notice());
  CHECK(step_until(supervisor, [&] { return std::filesystem::exists(ready); }));
  const pid_t node = supervisor.pid_of("node");
  supervisor.stop();
  REQUIRE(supervisor.step(0ms));
  f.clock.advance(limits::kStopTimeout - 1s);
  REQUIRE(supervisor.step(0ms));
  CHECK_FALSE(f.noticed("is killed"));
  CHECK(alive(node));
  CHECK(alive(supervisor.pid_of("sidecar")));  // its turn has not come
  f.clock.advance(1s);
  CHECK(run_out(supervisor));
  CHECK(f.noticed("node did not stop in time and is killed"));
  CHECK_FALSE(f.noticed("sidecar did not stop"));
  CHECK(supervisor.failed());
}

TEST_CASE("ASecondInterruptKillsAtOnceAndATerminateDoesNot") {
  Fixture f;
  TempFolder folder;
  const std::string ready = (folder.path / "ready").string();
  Supervisor supervisor({shell("node", "trap '' TERM; touch " + ready + "; exec sleep 1000")},
                        f.clock, f.notice());
  CHECK(step_until(supervisor, [&] { return std::filesystem::exists(ready); }));
  ::kill(::getpid(), SIGINT);
  CHECK(step_until(supervisor, [&] { return f.noticed("stopping"); }));
  ::kill(::getpid(), SIGTERM);
  REQUIRE(supervisor.step(100ms));
  CHECK_FALSE(f.noticed("is killed"));
  ::kill(::getpid(), SIGINT);
  CHECK(run_out(supervisor));
  CHECK(f.noticed("node is killed"));
  CHECK(supervisor.failed());
}

TEST_CASE("AChildThatWaitsToBeStartedAgainDoesNotHoldUpTheStop") {
  Fixture f;
  Supervisor supervisor({{"feed", {"/bin/false"}}}, f.clock, f.notice());
  CHECK(step_until(supervisor, [&] { return f.noticed("starting it again"); }));
  supervisor.stop();
  CHECK_FALSE(supervisor.step(0ms));
}

TEST_CASE("ChildrenInheritNoDescriptorsAndNoBlockedSignals") {
  Fixture f;
  TempFolder folder;
  const std::string out = (folder.path / "out").string();
  const int leaky = ::open("/dev/null", O_RDONLY);  // not close-on-exec
  REQUIRE(leaky > 2);
  Supervisor supervisor({shell("probe", "exec ls -l /proc/self/fd > " + out + "; true")}, f.clock,
                        f.notice());
  CHECK(run_out(supervisor));
  Supervisor second({shell("probe", "grep -E '^Sig(Blk|Ign)' /proc/self/status > " + out + ".sig")},
                    f.clock, f.notice());
  CHECK(run_out(second));
  ::close(leaky);
  std::ifstream listing(out);
  int descriptors = 0;
  std::string line;
  bool stdin_is_null = false;
  while (std::getline(listing, line)) {
    if (line.find(" -> ") == std::string::npos) continue;
    ++descriptors;
    if (line.find(" 0 -> /dev/null") != std::string::npos) stdin_is_null = true;
  }
  CHECK(descriptors == 4);  // 0, 1, 2 and the one ls reads the folder by
  CHECK(stdin_is_null);
  std::ifstream signals(out + ".sig");
  while (std::getline(signals, line)) {
    CHECK(line.substr(line.find('\t') + 1) == "0000000000000000");
  }
}

TEST_CASE("ChildrenDieWithTheSupervisor") {
  // The orphan becomes ours, so that its end can be waited for.
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  int channel[2];
  REQUIRE(::pipe2(channel, O_CLOEXEC) == 0);
  const pid_t middle = ::fork();
  if (middle == 0) {
    Fixture f;
    Supervisor supervisor({sleeper("sidecar")}, f.clock, f.notice());
    static_cast<void>(supervisor.step(0ms));
    const pid_t pid = supervisor.pid_of("sidecar");
    while (!executed(pid, "sleep")) static_cast<void>(supervisor.step(1ms));
    if (::write(channel[1], &pid, sizeof pid) != sizeof pid) ::_exit(1);
    while (supervisor.step(1000ms)) {
    }
    ::_exit(1);
  }
  REQUIRE(middle > 0);
  pid_t orphan = 0;
  REQUIRE(::read(channel[0], &orphan, sizeof orphan) == sizeof orphan);
  REQUIRE(alive(orphan));
  ::kill(middle, SIGKILL);
  REQUIRE(::waitpid(middle, nullptr, 0) == middle);
  int status = 0;
  pid_t ended = 0;
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while ((ended = ::waitpid(orphan, &status, WNOHANG)) == 0 &&
         std::chrono::steady_clock::now() < deadline) {
    ::poll(nullptr, 0, 1);
  }
  CHECK(ended == orphan);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGTERM);
  ::close(channel[0]);
  ::close(channel[1]);
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

}  // namespace
}  // namespace forebay
